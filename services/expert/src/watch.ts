import { ExpertPodState } from '@zen/contracts';
import { pause } from '@zen/pause';
import { invalid } from './expert-error';
import type { Pod } from './pod';

const DEFAULT_MS = 250;
const MIN_MS = 50;
const MAX_MS = 60_000;

/** The pod's state at once, then whenever it has changed, at most once per interval; that it goes is said at once. */
export async function* watchPod(
  pod: Pod,
  askedMs: number,
  signal: AbortSignal,
): AsyncGenerator<ExpertPodState> {
  const intervalMs = askedMs === 0 ? DEFAULT_MS : askedMs;
  if (intervalMs < MIN_MS || intervalMs > MAX_MS) {
    throw invalid('interval_ms', `${intervalMs} is not within ${MIN_MS} to ${MAX_MS}`);
  }
  let last = Buffer.alloc(0);
  const woken = AbortSignal.any([signal, pod.draining]);
  while (!signal.aborted) {
    const now = pod.state();
    const encoded = Buffer.from(ExpertPodState.encode(now).finish());
    if (!encoded.equals(last)) {
      last = encoded;
      yield now;
    }
    await pause(intervalMs, pod.draining.aborted ? signal : woken);
  }
}
