import { balancedPacking } from './balanced-packing';
import { replicate } from './replicate';

export interface Rebalanced {
  /** [layers][replicas]: expert in every slot; a device has `replicas / devices` slots that follow each other. */
  physicalToLogical: number[][];
  /** [layers][experts]: the slots of every expert, by the order in which its replicas were made. */
  logicalToPhysical: number[][][];
  /** [layers][experts] */
  counts: number[][];
}

/**
 * The expert-parallel load balancer that DeepSeek published: which expert goes into which slot, so that devices that
 * are alike carry about the same. Where the expert groups divide among the nodes, whole groups go to nodes first and
 * replicas stay within their node (hierarchical); otherwise all devices are one pool (global). Throws a RangeError
 * where the numbers do not divide.
 */
export function rebalance(
  /** [layers][experts], tokens; not negative. */
  weights: readonly (readonly number[])[],
  replicas: number,
  groups: number,
  nodes: number,
  devices: number,
): Rebalanced {
  const hierarchical = groups % nodes === 0;
  const [usedGroups, usedNodes] = hierarchical ? [groups, nodes] : [1, 1];
  const layers = weights.map((layer) => rebalanceLayer(layer, replicas, usedGroups, usedNodes, devices));
  return {
    physicalToLogical: layers.map(({ slots }) => slots),
    logicalToPhysical: layers.map(({ slots, rank, counts }) => {
      const places = counts.map((count) => new Array<number>(count).fill(0));
      for (const [slot, expert] of slots.entries()) places[expert]![rank[slot]!] = slot;
      return places;
    }),
    counts: layers.map(({ counts }) => counts),
  };
}

interface Layer {
  /** Expert, and which replica of it, in every slot. */
  slots: number[];
  rank: number[];
  counts: number[];
}

function rebalanceLayer(
  weights: readonly number[],
  replicas: number,
  groups: number,
  nodes: number,
  devices: number,
): Layer {
  const groupSize = divide('experts', weights.length, 'groups', groups);
  const slotsPerDevice = divide('replicas', replicas, 'devices', devices);
  const devicesPerNode = divide('devices', devices, 'nodes', nodes);
  const sums = Array.from({ length: groups }, (_, group) =>
    weights.slice(group * groupSize, (group + 1) * groupSize).reduce((sum, weight) => sum + weight, 0),
  );
  const { pack: nodeOf, rank: placeOf } = balancedPacking(sums, nodes);
  const layer: Layer = { slots: [], rank: [], counts: weights.map(() => 0) };
  for (let node = 0; node < nodes; node++) {
    const mine = sums.flatMap((_, group) => (nodeOf[group] === node ? [group] : []));
    mine.sort((a, b) => placeOf[a]! - placeOf[b]!);
    const experts = mine.flatMap((group) =>
      Array.from({ length: groupSize }, (_, i) => group * groupSize + i),
    );
    const copies = replicate(
      experts.map((expert) => weights[expert]!),
      replicas / nodes,
    );
    const carried = copies.experts.map((at) => weights[experts[at]!]! / copies.counts[at]!);
    const { pack: deviceOf, rank: slotOf } = balancedPacking(carried, devicesPerNode);
    const first = layer.slots.length;
    for (const [copy, at] of copies.experts.entries()) {
      const slot = first + deviceOf[copy]! * slotsPerDevice + slotOf[copy]!;
      layer.slots[slot] = experts[at]!;
      layer.rank[slot] = copies.rank[copy]!;
    }
    for (const [at, count] of copies.counts.entries()) layer.counts[experts[at]!] = count;
  }
  return layer;
}

function divide(what: string, of: number, by: string, parts: number): number {
  if (parts > 0 && of % parts === 0) return of / parts;
  throw new RangeError(`${of} ${what} do not divide among ${parts} ${by}`);
}
