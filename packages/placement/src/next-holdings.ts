import type { LayerLayout } from './placement-pod';

/** One pod in one layer, while experts move. */
export interface Holder {
  capacity: number;
  /** Usable now, by what the pod says. */
  held: ReadonlySet<number>;
  /** What it was last told to hold: what is only here is on its way, what is only in `held` is on its way out. */
  told: ReadonlySet<number>;
  /** False for one that goes itself: it takes nothing more, and nobody counts on what it holds. */
  stays: boolean;
}

/**
 * What each pod shall be told to hold next on the way to `target`: as much of it as has room, while what has to go
 * goes only where somebody else holds it already and keeps it. Repeated until nothing changes, with what pods have
 * come to hold meanwhile, it ends at the target; [pods], each ascending.
 */
export function nextHoldings(holders: readonly Holder[], target: LayerLayout): number[][] {
  const keeps = ({ stays, held, told }: Holder, expert: number) =>
    stays && held.has(expert) && told.has(expert);
  const keepers = new Map<number, number>();
  for (const holder of holders) {
    for (const expert of holder.held) {
      if (keeps(holder, expert)) keepers.set(expert, (keepers.get(expert) ?? 0) + 1);
    }
  }
  return holders.map((holder, pod) => {
    const { capacity, held, told, stays } = holder;
    const next = new Set(told);
    if (!stays) return ascending(next);
    const wanted = new Set(target[pod]);
    for (const expert of told) {
      if (wanted.has(expert)) continue;
      const keepersLeft = (keepers.get(expert) ?? 0) - (keeps(holder, expert) ? 1 : 0);
      // What never came is nothing to lose.
      if (held.has(expert) && keepersLeft < 1) continue;
      keepers.set(expert, keepersLeft);
      next.delete(expert);
    }
    for (const expert of wanted) if (next.size < capacity) next.add(expert);
    return ascending(next);
  });
}

function ascending(experts: Iterable<number>): number[] {
  return [...experts].sort((a, b) => a - b);
}
