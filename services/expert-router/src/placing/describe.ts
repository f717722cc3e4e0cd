import type { DescribePlacementResponse } from '@zen/contracts';
import { loadBalance } from '@zen/placement';
import type { Placer } from './placer';

/** What a person asks for. The balances are those of the window as it is now. */
export function describePlacement(placer: Placer, nowMs: number): DescribePlacementResponse {
  const { members, target, load, feed, reason } = placer;
  const tokens = load?.tokens(nowMs) ?? new Float64Array();
  const { balance, planned } = balances(placer, nowMs);
  return {
    placement: feed.latest ?? undefined,
    balance,
    plannedBalance: planned,
    reason,
    plannedUnixMs: BigInt(target?.unixMs ?? 0),
    window: Array.from(tokens, (count) => BigInt(count)),
    pods: members.map(({ state }) => state.message),
  };
}

/** Largest load of a pod over the mean: as pods hold experts now, and as planned; 0 where there is nothing. */
export function balances(
  { members, target, load, artifact }: Placer,
  nowMs: number,
): { balance: number; planned: number } {
  if (!artifact || !load) return { balance: 0, planned: 0 };
  const { layers, experts } = artifact;
  const tokens = load.tokens(nowMs);
  const here = members.filter(({ link, stays }) => link.up && stays);
  const held = Array.from({ length: layers }, (_, layer) => here.map(({ state }) => [...state.held[layer]!]));
  return {
    balance: loadBalance(held, experts, tokens),
    planned: target ? loadBalance(target.plan.layout, experts, tokens) : 0,
  };
}
