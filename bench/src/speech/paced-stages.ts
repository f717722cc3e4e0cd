import { median, quantile, type Row } from '../report';
import { STAGES_MS } from './paced-stages-process';
import { REALTIME_RATE, RealtimeCaller } from './realtime-caller';
import { startPacedStack } from './speech-stack';

/** Code that runs for the first hundred times is still being compiled. */
const WARM_UP = 100;
/** What the caller says: its content is no matter to paced ears. */
const SAID_MS = 100;

/**
 * What the platform adds: the client, the real gateway, the real talker service with a voice and ears that take the
 * published times of the stages and not a moment more, and a thinker that does. Each stage here begins when the one
 * before it has ended, as published.
 */
export async function pacedStages(rounds: number, warmUp = WARM_UP): Promise<{ row: Row; addedMs: number }> {
  const stack = await startPacedStack();
  try {
    const ttfp: number[] = [];
    for (let round = 0; round < warmUp + rounds; round++) {
      const caller = await RealtimeCaller.open(stack.gateway, stack.model, {
        max_output_tokens: 6,
        audio: { input: { turn_detection: null } },
      });
      await caller.speak(new Int16Array((REALTIME_RATE * SAID_MS) / 1000).fill(3000));
      const { ttfpMs } = await caller.commit();
      if (round >= warmUp) ttfp.push(ttfpMs);
      caller.close();
    }
    const sumMs = Object.values(STAGES_MS).reduce((sum, ms) => sum + ms, 0);
    const addedMs = median(ttfp) - sumMs;
    const row = {
      engine: 'paced',
      rounds,
      'stages ms': sumMs,
      'ttfp p50 ms': median(ttfp),
      'ttfp p99 ms': quantile(ttfp, 0.99),
      'added p50 ms': addedMs,
    };
    return { row, addedMs };
  } finally {
    stack.stop();
  }
}
