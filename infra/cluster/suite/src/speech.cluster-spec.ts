import { killPods } from './kill-pods';
import { TestNamespace } from './namespace';
import { type PortForward, portForward } from './port-forward';
import { Release } from './release';
import { imageOf, readTarget } from './target';
import { toolboxPod } from './toolbox';
import { until } from './until';
import { installZen, uninstallZen } from './zen-release';

jest.setTimeout(600_000);

const NAME = 'zen';
/** Nobody waits for sound in a cluster that shares two cores. */
const SPEECH = { model: 'tts-1', voice: 'heart', response_format: 'pcm', priority: 'interactive' };
const SENTENCE = 'The old lighthouse keeper counted the ships that went by in the evening. ';
/** Minutes: far more than all buffers on the way hold. */
const TEXT = SENTENCE.repeat(50);
/** An MP3 frame at 24 kHz and 64 kbit/s: its size, and how each begins (MPEG-2, layer III). */
const FRAME = { bytes: 192, begins: 0xfff3 };

// Two talkers that have their voice from a claim, as nothing can be fetched here.
describe('speech in the cluster', () => {
  let space: TestNamespace;
  let release: Release;
  let gateway: PortForward;
  let key = '';

  beforeAll(async () => {
    space = await TestNamespace.create('speech');
    await space.guard('install', async () => {
      await putVoice(space);
      await installZen(space, NAME, valuesOf());
      release = new Release(space, NAME);
      key = Buffer.from((await space.get('secret', `${NAME}-api-keys`)).data.key, 'base64').toString('utf8');
      gateway = await portForward(space, `service/${NAME}-gateway`, 80);
    });
  });

  afterAll(async () => {
    await gateway?.close();
    await uninstallZen(space, NAME);
    await space.remove();
  });

  async function speak(input: string, other: object = {}): Promise<Response> {
    const response = await fetch(`http://${gateway.address}/v1/audio/speech`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...SPEECH, input, ...other }),
      signal: AbortSignal.timeout(300_000),
    });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    return response;
  }

  const bytesOf = async (response: Response) => (await response.arrayBuffer()).byteLength;

  /** What the talkers or the gateway count. */
  async function metrics(pod: string, port: number): Promise<string> {
    const forward = await portForward(space, `pod/${pod}`, port);
    try {
      return await (await fetch(`http://${forward.address}/metrics`)).text();
    } finally {
      await forward.close();
    }
  }

  const talkers = async () =>
    (await space.list('pods', release.selector('talker'))).map(({ metadata }) => metadata.name);

  async function moves(): Promise<number> {
    const text = await metrics((await release.pod('gateway')).name, 8080);
    return Number(/^zen_gateway_utterance_moves_total (\d+)/m.exec(text)?.[1] ?? 0);
  }

  /** The talker that speaks now. */
  async function speaker(): Promise<string> {
    return until('a talker speaks', async () => {
      for (const pod of await talkers())
        if (/^zen_talker_speaking 1$/m.test(await metrics(pod, 9090))) return pod;
      return undefined;
    });
  }

  it('speaks through the gateway, with the voice of the claim', () =>
    space.guard('speak', async () => {
      const bytes = await until('the gateway has met a talker', async () => {
        const response = await speak(SENTENCE).catch((error: Error) => {
          if (/^503 /.test(error.message)) return undefined;
          throw error;
        });
        return response && bytesOf(response);
      });
      // Between two and ten seconds at 24 kHz.
      expect(bytes).toBeGreaterThan(2 * 48_000);
      expect(bytes).toBeLessThan(10 * 48_000);
    }));

  it.each([
    ['asked for', 'mp3'],
    ['no format', undefined],
  ])('speaks MP3: %s', (_, response_format) =>
    space.guard('mp3', async () => {
      const response = await speak(SENTENCE, { response_format });
      expect(response.headers.get('content-type')).toBe('audio/mpeg');
      const bytes = Buffer.from(await response.arrayBuffer());
      const starts = Array.from({ length: bytes.length / FRAME.bytes }, (_, at) =>
        bytes.readUInt16BE(at * FRAME.bytes),
      );
      expect(bytes.length % FRAME.bytes).toBe(0);
      expect(new Set(starts)).toEqual(new Set([FRAME.begins]));
      // Between two and ten seconds.
      expect(bytes.length).toBeGreaterThan(2 * 8000);
      expect(bytes.length).toBeLessThan(10 * 8000);
    }),
  );

  it('a talker killed in the middle of a sentence: the other goes on with the next, nothing is said twice', () =>
    space.guard('kill', async () => {
      const sentence = await bytesOf(await speak(SENTENCE));
      const whole = await bytesOf(await speak(TEXT));
      const before = await moves();
      const response = await speak(TEXT);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      let bytes = 0;
      const read = async () => {
        const { value, done } = await reader.read();
        bytes += value?.byteLength ?? 0;
        return !done;
      };
      // From here on nobody reads, so the talker waits in the middle of the text.
      await read();
      const pod = await speaker();
      if (readTarget().local) await killPods(space, [pod]);
      else await space.kubectl(['delete', 'pod', pod, '--grace-period=0', '--force', '--wait=true']);
      while (await read());
      expect(await moves()).toBe(before + 1);
      // At most the rest of one sentence is missing, and none comes twice; where a pause begins, sound may differ by a bit.
      const little = 0.1 * sentence;
      expect(bytes).toBeLessThanOrEqual(whole + little);
      expect(bytes).toBeGreaterThan(whole - sentence - little);
      expect(bytes).toBeGreaterThan(10 * sentence);
      await release.whole();
    }));
});

/** A claim with what a node's cache would hold. */
async function putVoice(space: TestNamespace): Promise<void> {
  const { local } = readTarget();
  await space.apply({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'voices' },
    spec: {
      // The one node of the local cluster shares a claim of one node; elsewhere it takes a StorageClass that can.
      accessModes: [local ? 'ReadWriteOnce' : 'ReadWriteMany'],
      resources: { requests: { storage: '256Mi' } },
    },
  });
  await toolboxPod(space, 'voices', {
    command: 'cp -r /speech /cache/ && touch /tmp/copied && sleep 86400',
    container: {
      image: imageOf(space.target, 'zen/test-voices').reference,
      readinessProbe: { exec: { command: ['test', '-e', '/tmp/copied'] }, periodSeconds: 1 },
      volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
    },
    pod: {
      // Who the talkers are.
      securityContext: { runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532 },
      volumes: [{ name: 'cache', persistentVolumeClaim: { claimName: 'voices' } }],
    },
  });
  await space.kubectl(['delete', 'pod', 'voices']);
}

function valuesOf(): Record<string, unknown> {
  const small = { requests: { cpu: '50m', memory: '200Mi' }, limits: { memory: '1Gi' } };
  return {
    models: [{ name: 'smollm2', source: { address: readTarget().ladder } }],
    thinker: { threads: 1, kvBytes: '128MiB', graceSeconds: 5, resources: small },
    gateway: { replicas: 1, graceSeconds: 5, resources: small },
    talker: {
      enabled: true,
      replicas: 2,
      threads: 1,
      ears: 'none',
      fetch: false,
      cache: { type: 'claim', existingClaim: 'voices' },
      graceSeconds: 5,
      resources: small,
    },
  };
}
