import { quantile, type Row } from '../report';
import { seeded } from '../routing/requests';
import type { ThinkerProcess } from '../thinker-process';
import { askThinker, type Deltas } from './ask-thinker';
import { uniform } from './picks';
import { sideBySide } from './side-by-side';
import { between, shares, tierHits } from './tier-hits';

const CLIENTS = 4;
const ANSWER_TOKENS = 8;
/** Hot deltas for each slot; the cliff is at 1. */
const HOT = [0.5, 1, 1.25, 1.5, 2, 4, 8];

/** One replica with `slots` slots, used by more and more deltas alike: how it slows down where they do not fit. */
export async function cliff(
  thinker: { process: ThinkerProcess; probe: string; slots: number },
  deltas: Deltas,
  count: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const share of HOT) {
    const hot = Math.round(share * thinker.slots);
    const pick = uniform(hot, seeded(hot));
    const one = (at: number, index: number) =>
      askThinker(thinker.process, deltas, index, {
        prompt: `${hot} ${at}: The harbour was quiet when the first boats`,
        answerTokens: ANSWER_TOKENS,
      });
    // Each once before time counts, so that nothing comes from the store.
    await sideBySide(hot, CLIENTS, async (at) => void (await one(-1 - at, at)));
    const before = await tierHits([thinker.probe]);
    const ttfts: number[] = [];
    const { allMs } = await sideBySide(count, CLIENTS, async (at) => void ttfts.push(await one(at, pick())));
    const hits = shares(between(before, await tierHits([thinker.probe])));
    rows.push({
      'hot deltas': hot,
      slots: thinker.slots,
      'in a slot': hits.slot,
      'in host memory': hits.host,
      'requests/s': (1000 * count) / allMs,
      'ttft p50 ms': quantile(ttfts, 0.5),
      'ttft p99 ms': quantile(ttfts, 0.99),
    });
  }
  return rows;
}
