import type { Logger } from '@zen/telemetry';

const EVERY_MS = 2000;

/** How far a file is. */
interface Fetching {
  phase: string;
  item: string;
  bytes: number;
  totalBytes: number | null;
}

/** Logs how far the download of a voice or of the ears is: a new phase or file at once, else now and then. */
export function logFetching(model: string, logger: Logger): (progress: Fetching) => void {
  let last = '';
  let lastMs = Number.NEGATIVE_INFINITY;
  return ({ phase, item, bytes, totalBytes }) => {
    const what = `${phase} ${item}`;
    const nowMs = performance.now();
    if (what === last && nowMs - lastMs < EVERY_MS) return;
    last = what;
    lastMs = nowMs;
    logger.info({ model, phase, item, bytes, totalBytes }, 'bringing a model');
  };
}
