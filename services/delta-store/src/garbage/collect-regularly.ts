import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@zen/telemetry';
import type { DeltaService } from '../delta-service';

/** Collects garbage every `everyMs`, 0: never, until it is told to stop; several replicas may do so at once. */
export async function collectRegularly(
  { collector }: DeltaService,
  everyMs: number,
  stop: AbortSignal,
  logger: Logger,
): Promise<void> {
  if (everyMs === 0) return;
  for (;;) {
    await sleep(everyMs, undefined, { signal: stop, ref: false }).catch(() => {});
    if (stop.aborted) return;
    try {
      const { removed, bytes } = await collector.collect(false);
      if (removed.length > 0) logger.info({ deltas: removed.length, bytes }, 'garbage collected');
    } catch (err) {
      logger.error({ err }, 'garbage not collected');
    }
  }
}
