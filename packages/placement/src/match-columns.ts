import { bestAssignment } from './assignment';
import type { LayerLayout, PlacementPod } from './placement-pod';

/**
 * The same layout with its columns given to the pods that hold most of them already. Columns change places between
 * pods of one machine, and whole machines change places, so that copies stay as far apart as they were; capacities
 * are kept.
 */
export function matchColumns(
  pods: readonly PlacementPod[],
  layout: LayerLayout,
  current: LayerLayout,
): number[][] {
  const machines = machinesOf(pods);
  const held = current.map((experts) => new Set(experts));
  const overlap = (column: number, pod: number) =>
    layout[column]!.reduce((sum, expert) => sum + (held[pod]!.has(expert) ? 1 : 0), 0);
  const result: number[][] = pods.map(() => []);
  for (const alike of groupBy(machines, (machine) => shapeOf(machine, pods)).values()) {
    // What each machine would keep with the columns of each other, and how its pods then share them.
    const ways = alike.map((from) => alike.map((to) => matchPods(from, to, overlap)));
    const taken = bestAssignment(ways.map((row) => row.map(({ kept }) => kept)));
    for (const [from, to] of taken.entries()) {
      for (const [column, pod] of ways[from]![to]!.pairs) result[pod] = [...layout[column]!];
    }
  }
  return result;
}

/** Columns of the pods `from` to the pods `to`; both by falling capacity, so that equal ones stand side by side. */
function matchPods(
  from: readonly SizedPod[],
  to: readonly SizedPod[],
  overlap: (column: number, pod: number) => number,
): { kept: number; pairs: [column: number, pod: number][] } {
  let kept = 0;
  const pairs: [number, number][] = [];
  for (const capacity of new Set(from.map((pod) => pod.capacity))) {
    const columns = from.filter((pod) => pod.capacity === capacity);
    const pods = to.filter((pod) => pod.capacity === capacity);
    const values = columns.map((column) => pods.map((pod) => overlap(column.index, pod.index)));
    for (const [at, taken] of bestAssignment(values).entries()) {
      kept += values[at]![taken]!;
      pairs.push([columns[at]!.index, pods[taken]!.index]);
    }
  }
  return { kept, pairs };
}

interface SizedPod {
  index: number;
  capacity: number;
}

/** Pods by machine; one whose machine is unknown is a machine of its own. */
function machinesOf(pods: readonly PlacementPod[]): SizedPod[][] {
  const sized = pods.map(({ capacity }, index) => ({ index, capacity }));
  const byNode = groupBy(sized, ({ index }) => pods[index]!.node || `pod ${index}`);
  return [...byNode.values()].map((machine) => machine.sort((a, b) => b.capacity - a.capacity));
}

/** Machines that may change places: in one zone, with the same capacities. */
function shapeOf(machine: readonly SizedPod[], pods: readonly PlacementPod[]): string {
  return `${pods[machine[0]!.index]!.zone} ${machine.map(({ capacity }) => capacity).join(' ')}`;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return groups;
}
