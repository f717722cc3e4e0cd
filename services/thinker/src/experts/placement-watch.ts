import type { ExpertRouterServiceDefinition } from '@zen/contracts';
import { Backoff, pause } from '@zen/pause';
import type { RpcClient } from '@zen/rpc';
import { type MixtureShape, PlacementMap } from './placement-map';

export interface WatchOptions {
  router: Pick<RpcClient<typeof ExpertRouterServiceDefinition>, 'watchPlacement'>;
  shape: MixtureShape;
  artifactDigest: string;
  /** Of the placement in use: a router that is new goes on from there. */
  version(): bigint;
  placed(map: PlacementMap): void;
  /** The router is gone, or gives what cannot be followed; the last placement stays in use. */
  lost(error: unknown): void;
  /** In [0, 1): spreads reconnects. */
  random(): number;
}

const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;

/** Follows the router's placements until `signal`; whatever becomes of the router, the last one stays. */
export async function watchPlacement(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { router, shape, artifactDigest, placed, lost, random } = options;
  const asked = () => ({ artifactDigest, knownVersion: options.version() });
  const backoff = new Backoff(FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS, random);
  while (!signal.aborted) {
    try {
      for await (const placement of router.watchPlacement(asked(), { signal })) {
        placed(PlacementMap.from(placement, shape, artifactDigest));
        backoff.reset();
      }
      if (!signal.aborted) lost(new Error('the router ended its placements'));
    } catch (error) {
      if (!signal.aborted) lost(error);
    }
    await pause(backoff.next(), signal);
  }
}
