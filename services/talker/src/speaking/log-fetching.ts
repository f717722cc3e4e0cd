import type { Logger } from '@zen/telemetry';
import type { VoiceProgress } from '@zen/voices';

const EVERY_MS = 2000;

/** Logs how far a voice's download is: a new phase or file at once, else now and then. */
export function logFetching(voice: string, logger: Logger): (progress: VoiceProgress) => void {
  let last = '';
  let lastMs = Number.NEGATIVE_INFINITY;
  return ({ phase, item, bytes, totalBytes }) => {
    const what = `${phase} ${item}`;
    const nowMs = performance.now();
    if (what === last && nowMs - lastMs < EVERY_MS) return;
    last = what;
    lastMs = nowMs;
    logger.info({ voice, phase, item, bytes, totalBytes }, 'bringing a voice');
  };
}
