import { PlacementWatcher } from './placement-watcher.fixture';
import { DIGEST, type ProtocolPod } from './pods/protocol-pod.fixture';
import {
  EXPERTS,
  holders,
  LAYERS,
  openRouter,
  slotsUsed,
  startPods,
  type TestRouter,
  until,
  whole,
} from './router.fixture';

jest.setTimeout(60_000);

describe('an expert-router', () => {
  let pods: ProtocolPod[];
  let router: TestRouter;
  let watcher: PlacementWatcher;

  /** `later`: pods that the router knows the addresses of, but that are not there yet. */
  async function begin(
    capacities: Record<string, number>,
    env: Record<string, string> = {},
    later: string[] = [],
  ): Promise<void> {
    pods = await startPods(capacities);
    for (const pod of pods) if (later.includes(pod.shape.name)) await pod.kill();
    for (const pod of pods) pod.onAssign = (request) => losesNothing(pod, request.layers);
    router = await openRouter(pods, env);
    watcher = new PlacementWatcher(router.rpc, DIGEST);
  }
  afterEach(async () => {
    await watcher.stop();
    await router.stop();
    await Promise.all(pods.map((pod) => pod.kill()));
    expect(lost).toEqual([]);
  });

  /** Experts that a pod was told to drop while nobody else held them. */
  const lost: string[] = [];
  function losesNothing(pod: ProtocolPod, layers: { layer: number; experts: number[] }[]): void {
    for (const { layer, experts } of layers) {
      for (const expert of pod.held[layer]!) {
        if (experts.includes(expert)) continue;
        const others = pods.filter(
          (other) => other !== pod && !other.draining && other.held[layer]!.has(expert),
        );
        if (others.length === 0) lost.push(`${pod.shape.name} ${layer}/${expert}`);
      }
    }
  }

  test('gives every expert a pod, fills every slot, and says what is held', async () => {
    await begin({ a: 4, b: 4, c: 4 });
    const placement = await watcher.until((one) => slotsUsed(one) === LAYERS * 12);
    for (let layer = 0; layer < LAYERS; layer++) {
      const names = holders(placement, layer);
      expect(names.every((held) => held.length > 0 && new Set(held).size === held.length)).toBe(true);
      for (const { shape, ...pod } of pods) {
        const said = names.flatMap((held, expert) => (held.includes(shape.name) ? [expert] : []));
        expect(said).toEqual([...pod.held[layer]!].sort((a, b) => a - b));
      }
    }
    const addresses = placement.pods.map(({ address }) => address);
    expect(addresses.sort()).toEqual(pods.map(({ address }) => address).sort());
    expect(placement.pods.every(({ stage }) => stage === 4)).toBe(true);
  });

  test('too few slots: what fits is held, and Describe says what is missing', async () => {
    await begin({ a: 3, b: 2 });
    await watcher.until((one) => slotsUsed(one) === LAYERS * 5);
    const { reason, pods: states } = await router.rpc.describe({});
    expect(reason).toContain('6 of 16 experts have no pod: 2 pods have 5 slots for the 8 of a layer');
    expect(states.map(({ pod }) => pod).sort()).toEqual(['a', 'b']);
  });

  test('a pod that is lost: the others take over what only it held, and nothing else moves', async () => {
    await begin({ a: 4, b: 4, c: 4, d: 4 });
    await watcher.until((one) => slotsUsed(one) === LAYERS * 16);
    const before = pods.map((pod) => pod.held.map((held) => new Set(held)));
    await pods[3]!.kill();
    const after = await watcher.until((one) => whole(one) && !one.pods.some(({ name }) => name === 'd'));
    expect(slotsUsed(after)).toBe(LAYERS * 12);
    // All experts had two holders, so a copy of each is left.
    for (const [at, pod] of pods.slice(0, 3).entries()) expect(pod.held).toEqual(before[at]);
  });

  test('a pod that is lost with the only copies: they come to be held elsewhere', async () => {
    await begin({ a: 5, b: 5 });
    await watcher.until((one) => slotsUsed(one) === LAYERS * 10);
    const only = pods[1]!.held.map((held, layer) =>
      [...held].filter((one) => !pods[0]!.held[layer]!.has(one)),
    );
    await pods[1]!.kill();
    // There is no room for all of them; those that are left have none but the pod that may come back.
    await watcher.until((one) => slotsUsed(one) < LAYERS * 10);
    pods[1] = await pods[1]!.start();
    await watcher.until((one) => whole(one) && slotsUsed(one) === LAYERS * 10);
    for (const [layer, experts] of only.entries()) {
      for (const expert of experts) {
        expect(pods.some((pod) => pod.held[layer]!.has(expert))).toBe(true);
      }
    }
  });

  test('a pod that joins is filled, and nobody else is told anything else', async () => {
    await begin({ a: 5, b: 5, c: 4 }, {}, ['c']);
    await watcher.until((one) => slotsUsed(one) === LAYERS * 10);
    const before = pods.slice(0, 2).map((pod) => pod.held.map((held) => new Set(held)));
    await pods[2]!.start();
    const after = await watcher.until((one) => slotsUsed(one) === LAYERS * 14);
    expect(after.pods.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
    expect(pods.slice(0, 2).map((pod) => pod.held)).toEqual(before);
  });

  test('a pod that comes back is told again what it held', async () => {
    // So long a lease that it is not the renewal that tells it.
    await begin({ a: 4, b: 4 }, { ZEN_EXPERT_LOST: '1h', ZEN_EXPERT_LEASE: '10m' });
    await watcher.until(whole);
    const held = pods[1]!.held.map((one) => new Set(one));
    await pods[1]!.kill();
    await pods[1]!.start();
    await until(
      'it holds them again',
      () => pods[1]!.holds(0).length === 4 && pods[1]!.holds(1).length === 4,
    );
    expect(pods[1]!.held).toEqual(held);
  });

  test('a pod that drains is named until others hold what it has, and no longer', async () => {
    await begin({ a: 8, b: 8 });
    await watcher.until((one) => slotsUsed(one) === LAYERS * 16);
    pods[0]!.draining = true;
    pods[0]!.changed();
    const after = await watcher.until((one) => one.pods.every(({ name }) => name === 'b'));
    expect(whole(after)).toBe(true);
  });

  test('while experts move both the old and the new holder answer: first held, then published, then dropped', async () => {
    await begin({ a: 4, b: 5 }, { ZEN_EXPERT_REBALANCE: '300ms' });
    await watcher.until((one) => slotsUsed(one) === LAYERS * 9);
    for (const pod of pods) pod.holdsAtOnce = false;
    // Everything goes to what one pod holds.
    const tokens = Array.from({ length: LAYERS * EXPERTS }, (_, at) =>
      pods[0]!.held[Math.floor(at / EXPERTS)]!.has(at % EXPERTS) ? 10_000 : 1,
    );
    const from = watcher.seen.length;
    await router.rpc.reportLoad({ thinker: 't', artifactDigest: DIGEST, intervalMs: 1000, tokens });
    await until('experts are on their way', () =>
      pods.some((pod) =>
        pod.told
          .at(-1)!
          .layers.some(({ layer, experts }) => experts.some((one) => !pod.held[layer]!.has(one))),
      ),
    );
    // What is on its way is not in the placement, and what it comes from still is.
    await until('all has arrived', async () => {
      for (const pod of pods) pod.hold();
      const { balance } = await router.rpc.describe({});
      return balance < 1.3;
    });
    for (const placement of watcher.seen.slice(from)) expect(whole(placement)).toBe(true);
    expect(watcher.seen.length).toBeGreaterThan(from);
    const { balance, window, reason } = await router.rpc.describe({});
    expect(balance).toBeLessThan(1.3);
    expect(window).toEqual(tokens.map(BigInt));
    expect(reason).toMatch(/for the balance|no move is worth/);
  });

  test('a thinker that goes by a newer version is told a newer one', async () => {
    await begin({ a: 8 });
    const { version } = await watcher.until(whole);
    const known = version + 2n ** 40n;
    const other = new PlacementWatcher(router.rpc, DIGEST, known);
    expect((await other.until(whole)).version).toBeGreaterThan(known);
    await watcher.until((one) => one.version > known);
    await other.stop();
  });

  test.each<[string, object, string, string]>([
    [
      'another artifact',
      { artifactDigest: `sha256:${'0'.repeat(64)}` },
      'FAILED_PRECONDITION',
      'artifact_digest',
    ],
    [
      'a report of another shape',
      { tokens: [1, 2, 3] },
      'INVALID_ARGUMENT',
      'tokens: 3 numbers, 2 layers of 8 experts have 16',
    ],
    ['no name', { thinker: '' }, 'INVALID_ARGUMENT', 'thinker: 0 characters, 1 to 128'],
    ['no interval', { intervalMs: 0 }, 'INVALID_ARGUMENT', 'interval_ms: 0 is not within'],
  ])('%s is refused', async (_, change, code, message) => {
    await begin({ a: 8 });
    await watcher.until(whole);
    const good = {
      thinker: 't',
      artifactDigest: DIGEST,
      intervalMs: 1000,
      tokens: new Array(LAYERS * EXPERTS).fill(1),
    };
    expect(await router.rpc.reportLoad(good)).toEqual({ intervalMs: 2000 });
    const refused = router.rpc.reportLoad({ ...good, ...change });
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('who has another artifact gets no placement', async () => {
    await begin({ a: 8 });
    await watcher.until(whole);
    const call = router.rpc.watchPlacement({ artifactDigest: `sha256:${'0'.repeat(64)}` });
    await expect(call[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      metadata: expect.objectContaining({ 'x-zen-failure': 'other_artifact' }),
    });
    const beyond = router.rpc.watchPlacement({ artifactDigest: DIGEST, knownVersion: 2n ** 63n });
    await expect(beyond[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
