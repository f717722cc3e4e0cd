import { readConfig } from '@zen/config';
import { ExpertRouterServiceDefinition, type Placement } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import { type ExpertRouter, startExpertRouter } from './expert-router';
import { PlacementWatcher } from './placement-watcher.fixture';
import { DIGEST, ProtocolPod } from './pods/protocol-pod.fixture';

jest.setTimeout(60_000);

const LAYERS = 2;
const EXPERTS = 8;
const pod = (name: string, capacity = 4) =>
  new ProtocolPod({ name, layers: LAYERS, experts: EXPERTS, capacity }).start();

describe('an expert-router', () => {
  let pods: ProtocolPod[] = [];
  let router: ExpertRouter;
  let rpc: RpcClient<typeof ExpertRouterServiceDefinition>;
  let watcher: PlacementWatcher;

  async function begin(env: Record<string, string> = {}): Promise<void> {
    const config = readConfig(settings, {
      ZEN_EXPERT_PODS: pods.map(({ address }) => address).join(','),
      ZEN_LISTEN: '127.0.0.1:0',
      ZEN_EXPERT_LOST: '200ms',
      ZEN_EXPERT_LEASE: '300ms',
      ZEN_GRACE: '1s',
      ...env,
    });
    router = await startExpertRouter(config, createLogger('expert-router', 'silent'));
    rpc = client(ExpertRouterServiceDefinition, router.address);
    watcher = new PlacementWatcher(rpc, DIGEST);
  }
  afterEach(async () => {
    await watcher.stop();
    rpc.close();
    await router.stop();
    await Promise.all(pods.map((one) => one.kill()));
  });

  /** Names of the pods that hold each expert of a layer. */
  const holders = ({ pods, layers }: Placement, layer: number) =>
    layers[layer]!.experts.map((expert) => expert.pods.map((at) => pods[at]!.name));

  test('gives every expert a pod and says so', async () => {
    pods = await Promise.all([pod('a'), pod('b'), pod('c')]);
    await begin();
    const whole = await watcher.until((placement) =>
      [0, 1].every((layer) => holders(placement, layer).flat().length === 12),
    );
    for (let layer = 0; layer < LAYERS; layer++) {
      const names = holders(whole, layer);
      expect(names.every((held) => held.length > 0 && new Set(held).size === held.length)).toBe(true);
      for (const one of pods) {
        const said = names.flatMap((held, expert) => (held.includes(one.shape.name) ? [expert] : []));
        expect(said).toEqual(one.holds(layer));
      }
    }
    expect(whole.pods.map(({ address }) => address).sort()).toEqual(
      pods.map(({ address }) => address).sort(),
    );
  });
});
