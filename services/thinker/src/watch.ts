import { WatchResponse } from '@zen/contracts';
import { pause } from '@zen/pause';
import { expertsNow, loadNow, progressNow, stagesNow } from './describe';
import { invalid } from './request/thinker-error';
import type { Replica } from './serving/replica';

const DEFAULT_MS = 250;
const MIN_MS = 50;
const MAX_MS = 60_000;

/**
 * Load, stages and progress at once, then whenever they have changed, at most once per interval. Ends when the
 * model's metadata arrives: whoever watches then asks what it is.
 */
export async function* watchThinker(
  replica: Replica,
  askedMs: number,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse> {
  const intervalMs = askedMs === 0 ? DEFAULT_MS : askedMs;
  if (intervalMs < MIN_MS || intervalMs > MAX_MS) {
    throw invalid('interval_ms', `${intervalMs} is not within ${MIN_MS} to ${MAX_MS}`);
  }
  let last = Buffer.alloc(0);
  const begunWith = replica.serving;
  // Whoever watches hears at once that it goes.
  const woken = AbortSignal.any([signal, replica.draining]);
  while (!signal.aborted && replica.serving === begunWith) {
    const { serving } = replica;
    const now: WatchResponse = {
      load: serving ? loadNow(serving) : undefined,
      stages: serving ? stagesNow(serving) : [],
      progress: progressNow(replica),
      draining: replica.draining.aborted,
      deltas: serving?.deltas?.capacity(),
      experts: serving ? expertsNow(serving) : undefined,
    };
    const encoded = Buffer.from(WatchResponse.encode(now).finish());
    if (!encoded.equals(last)) {
      last = encoded;
      yield now;
    }
    await pause(intervalMs, replica.draining.aborted ? signal : woken);
  }
}
