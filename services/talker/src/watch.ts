import { DescribeTalkerResponse, type WatchTalkerResponse } from '@zen/contracts';
import { pause } from '@zen/pause';
import type { Desk } from './desk';
import { invalid } from './talker-error';

const DEFAULT_MS = 250;
const MIN_MS = 50;
const MAX_MS = 60_000;

/** The talker's state at once, then whenever it has changed, at most once per interval; that it goes is said at once. */
export async function* watchTalker(
  desk: Desk,
  askedMs: number,
  signal: AbortSignal,
): AsyncGenerator<WatchTalkerResponse> {
  const intervalMs = askedMs === 0 ? DEFAULT_MS : askedMs;
  if (intervalMs < MIN_MS || intervalMs > MAX_MS) {
    throw invalid('interval_ms', `${intervalMs} is not within ${MIN_MS} to ${MAX_MS}`);
  }
  let last = Buffer.alloc(0);
  const woken = AbortSignal.any([signal, desk.draining]);
  while (!signal.aborted) {
    const talker = desk.describe();
    const encoded = Buffer.from(DescribeTalkerResponse.encode(talker).finish());
    if (!encoded.equals(last)) {
      last = encoded;
      yield { talker };
    }
    await pause(intervalMs, desk.draining.aborted ? signal : woken);
  }
}
