import { quantile, type Row } from '../report';
import type { ThinkerProcess } from '../thinker-process';
import { askThinker, type Deltas } from './ask-thinker';
import { between, tierHits } from './tier-hits';

const ANSWER_TOKENS = 8;
const NOISY_CLIENTS = 2;

/**
 * A tenant that uses a quarter of the slots in turn, first alone, then beside another that asks for thousands of deltas,
 * each once. What the noisy one asks for is never in a slot, so every hit is the quiet one's.
 */
export async function noise(
  thinker: { process: ThinkerProcess; probe: string; slots: number },
  deltas: Deltas,
  count: number,
): Promise<Row[]> {
  const { population, digests } = deltas;
  const ask = (index: number, at: string) =>
    askThinker(thinker.process, deltas, index, {
      prompt: `${at}: The harbour was quiet when the first boats`,
      answerTokens: ANSWER_TOKENS,
    });
  const own = Math.max(1, Math.floor(thinker.slots / 4));
  // The last tenant is quiet; the first ones belong to the noise.
  const quietFrom = digests.length - population.perTenant;
  const quiet = async (label: string, times: number) => {
    const ttfts: number[] = [];
    for (let at = 0; at < times; at++) ttfts.push(await ask(quietFrom + (at % own), `quiet ${label} ${at}`));
    return ttfts;
  };
  let next = 0;
  const measure = async (label: string): Promise<Row> => {
    const before = await tierHits([thinker.probe]);
    const asked = next;
    const ttfts = await quiet(label, count);
    const hits = between(before, await tierHits([thinker.probe]));
    return {
      'quiet tenant': label,
      'its requests': count,
      'hits in slots': Math.min(1, hits.slot / count),
      'ttft p50 ms': quantile(ttfts, 0.5),
      'ttft p99 ms': quantile(ttfts, 0.99),
      'noisy requests': next - asked,
    };
  };
  await quiet('warm', 2 * own);
  const alone = await measure('alone');
  let stopped = false;
  const noisy = async () => {
    while (!stopped && next < population.perTenant) {
      const index = next++;
      await ask(index, `noisy ${index}`);
    }
  };
  const running = Promise.all(Array.from({ length: NOISY_CLIENTS }, noisy));
  try {
    return [alone, await measure('beside a noisy one')];
  } finally {
    stopped = true;
    await running;
  }
}
