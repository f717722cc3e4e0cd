import { ThinkerServiceDefinition } from '@zen/contracts';
import { type DeltaModel, headerBytes, readDelta } from '@zen/deltas';
import { client } from '@zen/rpc';
import { randomDelta } from '@zen/testing';
import { DeltaStoreDoor, piecesOf } from './delta-store-door';
import { type Answer, callsAt } from './gateway-calls';
import { MODEL } from './ladder-server';
import { TestNamespace } from './namespace';
import { portForward } from './port-forward';
import { Release } from './release';
import { readTarget } from './target';
import { toolboxPod } from './toolbox';
import { until } from './until';
import { installZen, uninstallZen } from './zen-release';

jest.setTimeout(300_000);

const NAME = 'zen';
/** Whose the key is that the chart makes. */
const TENANT = 'default';
const SMOLLM2: DeltaModel = { layers: 30, hidden: 576, ffn: 1536, heads: 9, kvHeads: 3, headSize: 64 };
const ROUNDS = 8;

// Two delta-stores over one claim, and what must hold whatever happens to them.
describe('deltas in the cluster', () => {
  let space: TestNamespace;
  let release: Release;
  let serviceKey: Buffer;
  let base = '';
  const doors: DeltaStoreDoor[] = [];
  /** Deltas and aliases are new ones each time, so that a test that runs again finds nothing of its own. */
  let next = 1;
  let raced = '';
  /** Digests that a store has said it has. */
  const kept = new Map<string, Buffer>();

  beforeAll(async () => {
    space = await TestNamespace.create('deltas');
    await space.guard('install', async () => {
      await installZen(space, NAME, valuesOf());
      release = new Release(space, NAME);
      serviceKey = await secretOf(space, `${NAME}-service-key`);
      base = await baseDigest(space, release);
    });
  });

  afterAll(async () => {
    for (const door of doors) await door.close();
    await uninstallZen(space, NAME);
    await space.remove();
  });

  const small = (scale = 2 ** -11) =>
    randomDelta({ base, model: SMOLLM2, recipe: 'lora1', rank: 8, scale, seed: next++ });
  /** 41 MB: more than a connection holds on its way and the 16 messages of 1 MiB that a reader takes ahead. */
  const large = () =>
    randomDelta({ base, model: { ...SMOLLM2, layers: 90 }, recipe: 'dense1', scale: 2 ** -11, seed: next++ });

  async function doorTo(pod: string): Promise<DeltaStoreDoor> {
    const door = await DeltaStoreDoor.open(space, pod, serviceKey, TENANT);
    doors.push(door);
    return door;
  }

  /** Kills a pod as a node's end would, and returns when another has taken its place. */
  async function kill(pod: string): Promise<void> {
    await space.kubectl(['delete', 'pod', pod, '--grace-period=0', '--force', '--wait=true']);
    await release.whole();
  }

  async function publish(door: DeltaStoreDoor, delta: { file: Buffer; digest: string }): Promise<void> {
    expect(await door.publish(delta.file)).toBe(delta.digest);
    kept.set(delta.digest, delta.file);
  }

  /** Everything that a store has ever said it has is there, to the bit. */
  async function everythingIsThere(door: DeltaStoreDoor): Promise<void> {
    expect(kept.size).toBeGreaterThan(0);
    for (const [digest, file] of kept) {
      const { manifest, data } = await door.fetch(digest);
      expect(Buffer.concat([headerBytes(manifest), data]).equals(file)).toBe(true);
    }
  }

  it('a delta published through the gateway answers through the gateway, by digest and by alias', () =>
    space.guard('answer', async () => {
      const key = (await secretOf(space, `${NAME}-api-keys`)).toString('utf8');
      const delta = small(2 ** -5);
      const name = `anna-${next}`;
      const forward = await portForward(space, `service/${NAME}-gateway`, 80);
      try {
        const call = callsAt(forward, key);
        const published = await call('POST', '/v1/deltas', delta.file);
        expect(published).toMatchObject({ status: 201, json: { id: delta.digest } });
        kept.set(delta.digest, delta.file);
        const alias = await call('PUT', `/v1/deltas/aliases/${name}`, {
          digest: delta.digest,
          expected_generation: 0,
        });
        expect(alias).toMatchObject({ status: 200, json: { digest: delta.digest, generation: 1 } });
        const plain = await until('the base answers', async () => {
          const answer = await call('POST', '/v1/chat/completions', question, {
            ...top,
            'x-zen-delta': 'none',
          });
          return answer.status === 200 && answer;
        });
        const changed = await call('POST', '/v1/chat/completions', question, {
          ...top,
          'x-zen-delta': delta.digest,
        });
        expect(changed).toMatchObject({ status: 200, delta: delta.digest });
        expect(textOf(changed)).not.toBe(textOf(plain));
        const named = await call('POST', '/v1/chat/completions', question, { ...top, 'x-zen-delta': name });
        expect(named).toMatchObject({ status: 200, delta: delta.digest });
        expect(textOf(named)).toBe(textOf(changed));
        const unknown = await call('POST', '/v1/chat/completions', question, { 'x-zen-delta': 'nobody' });
        expect(unknown).toMatchObject({ status: 404, json: { error: { code: 'delta_not_found' } } });
      } finally {
        await forward.close();
      }
    }));

  it('of two replicas that move one alias at once exactly one does', () =>
    space.guard('race', async () => {
      const pods = (await space.list('pods', release.selector('delta-store'))).map(
        ({ metadata }) => metadata.name,
      );
      expect(pods).toHaveLength(2);
      raced = `raced-${next}`;
      const [left, right] = [await doorTo(pods[0]!), await doorTo(pods[1]!)];
      const [a, b] = [small(), small()];
      await publish(left, a);
      await publish(right, b);
      const move = (door: DeltaStoreDoor, digest: string, expectedGeneration: bigint) =>
        door.rpc.setAlias({ name: raced, digest, expectedGeneration }, door.as).then(
          () => 'moved',
          ({ code }) => code,
        );
      for (let round = 0; round < ROUNDS; round++) {
        const from = BigInt(round);
        const outcomes = await Promise.all([move(left, a.digest, from), move(right, b.digest, from)]);
        expect([...outcomes].sort()).toEqual(['ABORTED', 'moved']);
        const winner = outcomes[0] === 'moved' ? a.digest : b.digest;
        for (const door of [left, right]) {
          const { delta, generation } = await door.rpc.resolve({ name: raced }, door.as);
          expect({ digest: delta?.digest, generation }).toEqual({ digest: winner, generation: from + 1n });
        }
      }
      const { generations } = await left.rpc.aliasHistory({ name: raced }, left.as);
      expect(generations.map(({ generation }) => Number(generation))).toEqual(
        Array.from({ length: ROUNDS }, (_, at) => ROUNDS - at),
      );
    }));

  it('killed while it takes a delta in: nothing is half there, and what it had said is', () =>
    space.guard('killed during publish', async () => {
      const door = await doorTo((await release.pod('delta-store')).name);
      const before = small();
      await publish(door, before);
      const delta = large();
      const pieces = [...piecesOf(delta.file)];
      const sent = door.rpc.publish(
        (async function* () {
          yield* pieces.slice(0, 6);
          await kill(door.pod);
          yield* pieces.slice(6);
        })(),
        door.as,
      );
      await expect(sent).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const other = await doorTo((await release.pod('delta-store')).name);
      await expect(other.rpc.resolve({ name: delta.digest }, other.as)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
      await everythingIsThere(other);
      await publish(other, delta);
      await everythingIsThere(other);
    }));

  it('killed while it sends a delta: the rest comes from another, from where it broke off', () =>
    space.guard('killed during fetch', async () => {
      const door = await doorTo((await release.pod('delta-store')).name);
      const delta = large();
      await publish(door, delta);
      const came: Buffer[] = [];
      let manifest = Buffer.alloc(0);
      const broken = async () => {
        for await (const message of door.rpc.fetch({ digest: delta.digest }, door.as)) {
          if (message.manifest.length > 0) manifest = Buffer.from(message.manifest);
          came.push(Buffer.from(message.chunk));
          if (came.length === 2) await kill(door.pod);
        }
      };
      await expect(broken()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const offset = came.reduce((sum, { length }) => sum + length, 0);
      expect(offset).toBeGreaterThan(0);
      const other = await doorTo((await release.pod('delta-store')).name);
      const rest = await other.fetch(delta.digest, offset);
      const whole = Buffer.concat([headerBytes(manifest), ...came, rest.data]);
      expect(readDelta(whole).digest).toBe(delta.digest);
    }));

  it('restored from a copy of its folder it has everything', () =>
    space.guard('backup', async () => {
      const claim = { persistentVolumeClaim: { claimName: `${NAME}-deltas` } };
      await toolboxPod(space, 'backup', {
        pod: {
          securityContext: { runAsUser: 65532, runAsGroup: 65532 },
          volumes: [
            { name: 'deltas', ...claim },
            { name: 'copy', emptyDir: {} },
          ],
        },
        container: {
          volumeMounts: [
            { name: 'deltas', mountPath: '/deltas' },
            { name: 'copy', mountPath: '/copy' },
          ],
        },
      });
      const shell = async (script: string) => {
        const { status, stdout, stderr } = await space.exec('backup', ['sh', '-c', script]);
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        return stdout;
      };
      // While it serves: a copy needs no pause.
      await shell('cp -a /deltas/* /copy/');
      const after = await doorTo((await release.pod('delta-store')).name);
      const late = small();
      expect(await after.publish(late.file)).toBe(late.digest);
      await space.kubectl(['scale', `deployment/${NAME}-delta-store`, '--replicas=0']);
      await until(
        'no store runs',
        async () => (await space.list('pods', release.selector('delta-store'))).length === 0,
      );
      await shell('rm -rf /deltas/* && cp -a /copy/* /deltas/');
      await space.kubectl(['scale', `deployment/${NAME}-delta-store`, '--replicas=1']);
      await release.whole();
      const restored = await doorTo((await release.pod('delta-store')).name);
      await everythingIsThere(restored);
      const { generation } = await restored.rpc.resolve({ name: raced }, restored.as);
      expect(generation).toBe(BigInt(ROUNDS));
      // What came after the copy is not there, and can be published again.
      await expect(restored.rpc.resolve({ name: late.digest }, restored.as)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
      await publish(restored, late);
      await everythingIsThere(restored);
    }));
});

/** One stage for all, as answers of two may differ. */
const top = { 'x-zen-stage': '4' };
const question = {
  model: MODEL,
  messages: [{ role: 'user', content: 'Name a colour.' }],
  max_tokens: 12,
  temperature: 0,
};

function valuesOf(): Record<string, unknown> {
  const { ladder, local } = readTarget();
  return {
    models: [{ name: 'smollm2', source: { address: ladder } }],
    thinker: {
      threads: 1,
      kvBytes: '128MiB',
      graceSeconds: 5,
      deltas: { slots: 4, slotBytes: '128KiB', hostBytes: '8MiB', diskBytes: '32MiB' },
      resources: { requests: { cpu: '100m', memory: '300Mi' }, limits: { memory: '1Gi' } },
    },
    gateway: {
      replicas: 1,
      graceSeconds: 5,
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    },
    deltaStore: {
      enabled: true,
      replicas: 2,
      graceSeconds: 5,
      // The one node of the local cluster shares a claim of one node; elsewhere it takes a StorageClass that can.
      storage: { size: '1Gi', accessMode: local ? 'ReadWriteOnce' : 'ReadWriteMany' },
      resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    },
  };
}

async function secretOf(space: TestNamespace, name: string): Promise<Buffer> {
  const { data } = await space.get('secret', name);
  return Buffer.from(data.key, 'base64');
}

/** What the thinker calls the base of its deltas. */
async function baseDigest(space: TestNamespace, release: Release): Promise<string> {
  const { name } = await release.pod('thinker');
  const forward = await portForward(space, `pod/${name}`, 50051);
  const rpc = client(ThinkerServiceDefinition, forward.address);
  try {
    const { baseDigest } = await rpc.describe({});
    expect(baseDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
    return baseDigest;
  } finally {
    rpc.close();
    await forward.close();
  }
}

const textOf = ({ json }: Answer): string => json.choices[0].message.content;
