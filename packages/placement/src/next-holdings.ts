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
 * What each pod shall be told to hold next on the way to `target`: as much of it as has room, what nobody else keeps
 * first, while what has to go goes only where somebody else holds it already and keeps it. Repeated with what pods
 * have come to hold meanwhile, it ends at the target, unless every slot has the only copy of something and none can be
 * moved through; [pods], each ascending.
 */
export function nextHoldings(holders: readonly Holder[], target: LayerLayout): number[][] {
  const wanted = target.map((experts) => new Set(experts));
  const keepers = keepersOf(holders);
  const next = holders.map(({ told }) => new Set(told));
  const needed = new Set(target.flat());
  for (const pod of mostNeededFirst(holders, wanted)) {
    const { held, told, capacity, stays } = holders[pod]!;
    if (!stays) continue;
    for (const expert of told) {
      if (wanted[pod]!.has(expert)) continue;
      const left = (keepers.get(expert) ?? 0) - (held.has(expert) ? 1 : 0);
      // What never came, or nobody shall hold, is nothing to lose.
      if (held.has(expert) && needed.has(expert) && left < 1) continue;
      keepers.set(expert, left);
      next[pod]!.delete(expert);
    }
    const missing = [...wanted[pod]!].filter((expert) => !next[pod]!.has(expert));
    missing.sort((a, b) => (keepers.get(a) ?? 0) - (keepers.get(b) ?? 0));
    for (const expert of missing) if (next[pod]!.size < capacity) next[pod]!.add(expert);
  }
  if (isStuck(holders, next, wanted)) makeRoom(holders, next, wanted, keepers);
  return next.map((experts) => [...experts].sort((a, b) => a - b));
}

/** Pods that hold each expert and go on holding it. */
function keepersOf(holders: readonly Holder[]): Map<number, number> {
  const keepers = new Map<number, number>();
  for (const { stays, held, told } of holders) {
    if (!stays) continue;
    for (const expert of held) if (told.has(expert)) keepers.set(expert, (keepers.get(expert) ?? 0) + 1);
  }
  return keepers;
}

/**
 * By how many experts a pod lacks that somebody else holds only until it has them: of two pods that could drop the
 * same expert, the one goes first whose room lets others go on.
 */
function mostNeededFirst(holders: readonly Holder[], wanted: readonly ReadonlySet<number>[]): number[] {
  const misplaced = new Set<number>();
  for (const [pod, { told }] of holders.entries()) {
    for (const expert of told) if (!wanted[pod]!.has(expert)) misplaced.add(expert);
  }
  const needs = wanted.map((experts, pod) => {
    return [...experts].filter((expert) => misplaced.has(expert) && !holders[pod]!.told.has(expert)).length;
  });
  return [...holders.keys()].sort((a, b) => needs[b]! - needs[a]!);
}

/** Everything that was told has come about, nothing more can be told, and yet it is not the target. */
function isStuck(
  holders: readonly Holder[],
  next: readonly ReadonlySet<number>[],
  wanted: readonly ReadonlySet<number>[],
): boolean {
  let lacks = false;
  for (const [pod, { stays, held, told }] of holders.entries()) {
    if (!stays) continue;
    if (next[pod]!.size !== told.size) return false;
    for (const expert of told) if (!held.has(expert) || !next[pod]!.has(expert)) return false;
    for (const expert of wanted[pod]!) lacks ||= !told.has(expert);
  }
  return lacks;
}

/**
 * Pods wait for each other in a circle, each with the only copy of what another lacks. One of these goes to a pod that
 * has room, or that holds something that others hold too, until the circle has moved on.
 */
function makeRoom(
  holders: readonly Holder[],
  next: readonly Set<number>[],
  wanted: readonly ReadonlySet<number>[],
  keepers: ReadonlyMap<number, number>,
): void {
  for (const blocked of mostNeededFirst(holders, wanted)) {
    if (!holders[blocked]!.stays || [...wanted[blocked]!].every((expert) => next[blocked]!.has(expert)))
      continue;
    for (const expert of next[blocked]!) {
      if (wanted[blocked]!.has(expert)) continue;
      for (const [pod, { stays, capacity }] of holders.entries()) {
        const mine = next[pod]!;
        if (!stays || pod === blocked || mine.has(expert)) continue;
        const spare = [...mine].find((other) => (keepers.get(other) ?? 0) > 1);
        if (mine.size >= capacity) {
          if (spare === undefined) continue;
          mine.delete(spare);
        }
        mine.add(expert);
        return;
      }
    }
  }
}
