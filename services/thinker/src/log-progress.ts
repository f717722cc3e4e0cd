import type { StagedLadder } from '@zen/distribution';
import type { Logger } from '@zen/telemetry';

const EVERY_MS = 5000;

/** Says every few seconds what has arrived, while something arrives. */
export function logProgress(
  source: Pick<StagedLadder, 'progress'>,
  logger: Logger,
  signal: AbortSignal,
): void {
  let before = 0;
  const timer = setInterval(() => {
    const { stages, bytesPerSecond, requestsInFlight, trouble } = source.progress();
    const bytes = stages.reduce((sum, stage) => sum + stage.bytes, 0);
    const bytesPresent = stages.reduce((sum, stage) => sum + stage.bytesPresent, 0);
    if (bytesPresent !== before || (bytesPresent < bytes && trouble !== null)) {
      const stage = stages.find(({ state }) => state !== 'complete')?.stage ?? null;
      logger.info({ stage, bytesPresent, bytes, bytesPerSecond, requestsInFlight, trouble }, 'fetching');
    }
    before = bytesPresent;
  }, EVERY_MS);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
