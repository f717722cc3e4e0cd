import { readConfig } from '@zen/config';
import { ExpertRouterServiceDefinition, type Placement } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { startService } from '@zen/testing';
import { settings } from './config';
import { type ExpertRouter, startExpertRouter } from './expert-router';
import { ProtocolPod } from './pods/protocol-pod.fixture';

export const LAYERS = 2;
export const EXPERTS = 8;

/** In a hurry, as tests are. */
const QUICK = {
  ZEN_LISTEN: '127.0.0.1:0',
  ZEN_EXPERT_LOST: '300ms',
  ZEN_EXPERT_LEASE: '500ms',
  ZEN_EXPERT_REBALANCE: '1h',
  ZEN_GRACE: '1s',
};

export function startPods(capacities: Record<string, number>): Promise<ProtocolPod[]> {
  return Promise.all(
    Object.entries(capacities).map(([name, capacity]) =>
      new ProtocolPod({ name, layers: LAYERS, experts: EXPERTS, capacity }).start(),
    ),
  );
}

export type RouterClient = RpcClient<typeof ExpertRouterServiceDefinition>;

export interface TestRouter {
  address: string;
  probeAddress: string;
  rpc: RouterClient;
  stop(): Promise<void>;
}

const addressesOf = (pods: readonly { address: string }[]) => pods.map(({ address }) => address).join(',');

/** In this process. */
export async function openRouter(
  pods: readonly { address: string }[],
  env: Record<string, string> = {},
): Promise<TestRouter & { router: ExpertRouter }> {
  const config = readConfig(settings, { ...QUICK, ZEN_EXPERT_PODS: addressesOf(pods), ...env });
  const router = await startExpertRouter(config, createLogger('expert-router', 'silent'));
  const rpc = client(ExpertRouterServiceDefinition, router.address);
  const stop = async () => {
    rpc.close();
    await router.stop();
  };
  return { address: router.address, probeAddress: router.probeAddress ?? '', router, rpc, stop };
}

/** In a process of its own, which `kill` ends as a crash would. */
export async function spawnRouter(
  pods: readonly { address: string }[],
  env: Record<string, string> = {},
): Promise<TestRouter & { end(signal: NodeJS.Signals): Promise<number | string> }> {
  const {
    address,
    probeAddress,
    end: endProcess,
  } = await startService('expert-router', {
    ...QUICK,
    ZEN_EXPERT_PODS: addressesOf(pods),
    ZEN_PROBE_LISTEN: '127.0.0.1:0',
    ...env,
  });
  const rpc = client(ExpertRouterServiceDefinition, address);
  const end = (signal: NodeJS.Signals) => {
    rpc.close();
    return endProcess(signal);
  };
  const stop = async () => void (await end('SIGKILL'));
  return { address, probeAddress, rpc, end, stop };
}

/** Names of the pods that hold each expert of a layer. */
export function holders({ pods, layers }: Placement, layer: number): string[][] {
  return layers[layer]!.experts.map((expert) => expert.pods.map((at) => pods[at]!.name));
}

/** Whether every expert has a pod. */
export function whole(placement: Placement): boolean {
  return placement.layers.every((_, layer) => holders(placement, layer).every(({ length }) => length > 0));
}

/** Slots that are in use, all layers together. */
export function slotsUsed(placement: Placement): number {
  return placement.layers.reduce((sum, _, layer) => sum + holders(placement, layer).flat().length, 0);
}

export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const late = Date.now() + 30_000;
  while (Date.now() < late) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`did not come about: ${what}`);
}
