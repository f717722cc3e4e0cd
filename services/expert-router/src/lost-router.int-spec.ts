import { serviceMissing } from '@zen/testing';
import { PlacementWatcher } from './placement-watcher.fixture';
import { DIGEST, type ProtocolPod } from './pods/protocol-pod.fixture';
import { LAYERS, slotsUsed, spawnRouter, startPods, until, whole } from './router.fixture';

jest.setTimeout(120_000);

const missing = serviceMissing('expert-router');
if (missing) console.warn(`skipped: ${missing}`);

(missing ? describe.skip : describe)('routers as processes', () => {
  let pods: ProtocolPod[];
  let watchers: PlacementWatcher[] = [];
  let routers: Awaited<ReturnType<typeof spawnRouter>>[] = [];

  beforeEach(async () => {
    pods = await startPods({ a: 4, b: 4, c: 4 });
  });
  afterEach(async () => {
    await Promise.all(watchers.map((watcher) => watcher.stop()));
    await Promise.all(routers.map((router) => router.stop()));
    await Promise.all(pods.map((pod) => pod.kill()));
    watchers = [];
    routers = [];
  });

  async function spawn(env: Record<string, string> = {}) {
    const router = await spawnRouter(pods, env);
    routers.push(router);
    return router;
  }
  function watch(router: Awaited<ReturnType<typeof spawn>>, known = 0n): PlacementWatcher {
    const watcher = new PlacementWatcher(router.rpc, DIGEST, known);
    watchers.push(watcher);
    return watcher;
  }
  const heldNow = () => pods.map((pod) => pod.held.map((held) => [...held].sort((a, b) => a - b)));

  test('kill -9: the next one begins with what pods say, moves nothing, and its versions are newer', async () => {
    const first = await spawn();
    const { version } = await watch(first).until((one) => slotsUsed(one) === LAYERS * 12);
    const held = heldNow();
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    const assigned = pods.map(({ assignedVersion }) => assignedVersion);
    const second = await spawn();
    const placement = await watch(second, version).until((one) => slotsUsed(one) === LAYERS * 12);
    expect(placement.version).toBeGreaterThan(version);
    // It takes over, and says so to the pods: the same sets, with newer versions.
    await until('it plans', () => pods.every((pod, at) => pod.assignedVersion > assigned[at]!));
    expect(heldNow()).toEqual(held);
    await until('it has planned', async () => {
      return (await second.rpc.describe({})).reason === 'every expert has its pods';
    });
    expect(heldNow()).toEqual(held);
  });

  test('killed while experts move: the next one ends what was begun', async () => {
    const first = await spawn();
    await watch(first).until((one) => slotsUsed(one) === LAYERS * 12);
    for (const pod of pods) pod.holdsAtOnce = false;
    pods[2]!.draining = true;
    pods[2]!.changed();
    await until('others are told', () => pods[0]!.told.at(-1)!.version > pods[0]!.heldVersion);
    await first.end('SIGKILL');
    const second = await spawn();
    const watcher = watch(second);
    await until('all has arrived', () => {
      for (const pod of pods) pod.hold();
      const last = watcher.seen.at(-1);
      return last !== undefined && whole(last) && last.pods.every(({ name }) => name !== 'c');
    });
    for (const placement of watcher.seen) expect(whole(placement)).toBe(true);
  });

  test('of two one plans; when it dies the other does', async () => {
    // Long enough for a loaded machine: whoever is late to renew loses it to the other.
    const lease = { ZEN_EXPERT_LEASE: '3s' };
    const both = await Promise.all([spawn(lease), spawn(lease)]);
    const seen = await Promise.all(
      both.map((router) => watch(router).until((one) => slotsUsed(one) === LAYERS * 12)),
    );
    const held = heldNow();
    const plansHere = async ({ probeAddress }: { probeAddress: string }) => {
      const text = await (await fetch(`http://${probeAddress}/metrics`)).text();
      return /^zen_expert_router_plans_here 1$/m.test(text);
    };
    await until('one of them plans', async () => {
      const plans = await Promise.all(both.map(plansHere));
      return plans.filter(Boolean).length === 1;
    });
    const [at] = (await plansHere(both[0]!)) ? [0] : [1];
    await both[at]!.end('SIGKILL');
    const other = both[1 - at]!;
    await until('the other plans', () => plansHere(other));
    expect(heldNow()).toEqual(held);
    // A thinker that comes over from the one that died is told something newer than it has.
    const { version } = seen[at]!;
    expect((await watch(other, version).until(whole)).version).toBeGreaterThan(version);
    await pods[0]!.kill();
    await watch(other).until((one) => whole(one) && one.pods.every(({ name }) => name !== 'a'));
  });

  test('SIGTERM ends streams with a word, and the process by itself', async () => {
    const router = await spawn();
    const ended = (async () => {
      for await (const _ of router.rpc.watchPlacement({ artifactDigest: DIGEST })) {
        // Only its end matters.
      }
    })();
    await watch(router).until(whole);
    await watchers[0]!.stop();
    expect(await router.end('SIGTERM')).toBe(0);
    await ended.catch((error) => expect(['UNAVAILABLE', 'CANCELLED']).toContain(error.code));
  });

  test('metrics and probes', async () => {
    const router = await spawn();
    await watch(router).until((one) => slotsUsed(one) === LAYERS * 12);
    const get = async (path: string) => (await fetch(`http://${router.probeAddress}${path}`)).text();
    expect(await get('/readyz')).toBe('ready\n');
    const text = await get('/metrics');
    expect(text).toMatch(/zen_expert_router_pods\{state="placed"\} 3/);
    expect(text).toMatch(/zen_expert_router_experts\{held="false"\} 0/);
    expect(text).toMatch(/zen_expert_router_experts\{held="true"\} 16/);
    expect(text).toMatch(/zen_expert_router_plans_total\{outcome="moved"\} [1-9]/);
    expect(text).toMatch(/zen_expert_router_moves_total 24/);
    expect(text).toMatch(/zen_expert_router_thinkers\{does="watch"\} 1/);
  });
});
