import { WatchResponse } from '@zen/contracts';
import type { Serving } from './answer/answerer';
import { loadNow, progressNow, stagesNow } from './describe';
import { invalid } from './request/thinker-error';

const DEFAULT_MS = 250;
const MIN_MS = 50;
const MAX_MS = 60_000;

/** Load and stages at once, then whenever they have changed, at most once per interval. */
export async function* watchThinker(
  serving: Serving,
  askedMs: number,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse> {
  const intervalMs = askedMs === 0 ? DEFAULT_MS : askedMs;
  if (intervalMs < MIN_MS || intervalMs > MAX_MS) {
    throw invalid('interval_ms', `${intervalMs} is not within ${MIN_MS} to ${MAX_MS}`);
  }
  let last = Buffer.alloc(0);
  while (!signal.aborted) {
    const now: WatchResponse = {
      load: loadNow(serving),
      stages: stagesNow(serving),
      progress: progressNow(serving),
    };
    const encoded = Buffer.from(WatchResponse.encode(now).finish());
    if (!encoded.equals(last)) {
      last = encoded;
      yield now;
    }
    await pause(intervalMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
