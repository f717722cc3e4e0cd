import { quantile, type Row } from '../report';
import { askGateway } from './ask-gateway';
import type { Fleet } from './fleet';
import type { Pick } from './picks';
import { sideBySide } from './side-by-side';
import { type Population, tenantOf } from './synthetic-deltas';
import { between, shares, tierHits } from './tier-hits';

/** Answers at once over all replicas: some wait for a delta while others compute. */
const CLIENTS = 4;
const ANSWER_TOKENS = 4;

/**
 * Asks through the gateway, deltas by a law; every fourth request asks the base, so that both see the same load. What
 * warms the caches is asked first and not counted.
 */
export async function access(
  fleet: Fleet,
  population: Population,
  digests: readonly string[],
  { law, pick, warm, count }: { law: string; pick: Pick; warm: number; count: number },
): Promise<Row> {
  const ttfts = { base: [] as number[], delta: [] as number[] };
  const one = async (at: number) => {
    const index = pick();
    const kind = at % 4 === 0 ? 'base' : 'delta';
    const ttftMs = await askGateway({
      url: fleet.gateway,
      model: fleet.model,
      key: fleet.keyOf(tenantOf(population, index)),
      delta: kind === 'base' ? 'none' : digests[index]!,
      // Prompts differ, so that no prefix cache shortens them.
      prompt: `Question ${law} ${at}: what is a good name for a small boat?`,
      answerTokens: ANSWER_TOKENS,
    });
    ttfts[kind].push(ttftMs);
  };
  await sideBySide(warm, CLIENTS, one);
  ttfts.base = [];
  ttfts.delta = [];
  const before = await tierHits(fleet.probes);
  const { allMs } = await sideBySide(count, CLIENTS, (at) => one(warm + at));
  const hits = shares(between(before, await tierHits(fleet.probes)));
  const p = (kind: 'base' | 'delta', q: number) => quantile(ttfts[kind], q);
  return {
    access: law,
    requests: count,
    'per second': (1000 * count) / allMs,
    'in a slot': hits.slot,
    'in host memory': hits.host,
    'on disk': hits.disk,
    'from the store': hits.store,
    'base ttft p50 ms': p('base', 0.5),
    'added p50 ms': p('delta', 0.5) - p('base', 0.5),
    'base ttft p99 ms': p('base', 0.99),
    'added p99 ms': p('delta', 0.99) - p('base', 0.99),
  };
}
