import { seeded } from '../seeded.fixture';
import { rebalance } from './rebalance';

/** The example of the published algorithm. */
const WEIGHTS = [
  [90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86],
  [20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27],
];

describe('rebalance', () => {
  test('places the published example as published', () => {
    const { physicalToLogical, logicalToPhysical, counts } = rebalance(WEIGHTS, 16, 4, 2, 8);
    expect(physicalToLogical).toEqual([
      [5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1],
      [7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1],
    ]);
    expect(counts[0]).toEqual([1, 2, 1, 1, 2, 2, 1, 1, 1, 1, 2, 1]);
    expect(logicalToPhysical[0]![5]).toEqual([0, 2]);
  });

  test.each([
    ['hierarchical', 24, 4, 2, 8],
    ['global, because 3 nodes do not divide 4 groups', 24, 4, 3, 6],
    ['one device', 12, 1, 1, 1],
    ['as many devices as replicas', 16, 4, 2, 16],
  ])('%s: every expert has its replicas, every slot its expert', (_, replicas, groups, nodes, devices) => {
    const random = seeded(replicas);
    const weights = Array.from({ length: 5 }, () => Array.from({ length: 12 }, () => random() ** 4 * 1000));
    const { physicalToLogical, logicalToPhysical, counts } = rebalance(
      weights,
      replicas,
      groups,
      nodes,
      devices,
    );
    for (const [layer, slots] of physicalToLogical.entries()) {
      expect(slots).toHaveLength(replicas);
      const seen = weights[layer]!.map(() => 0);
      for (const expert of slots) seen[expert]!++;
      expect(seen).toEqual(counts[layer]);
      expect(Math.min(...seen)).toBe(1);
      for (const [expert, places] of logicalToPhysical[layer]!.entries()) {
        expect(new Set(places).size).toBe(counts[layer]![expert]);
        for (const place of places) expect(slots[place]).toBe(expert);
      }
    }
  });

  test('a group stays on its node', () => {
    const { physicalToLogical } = rebalance(WEIGHTS, 16, 4, 2, 8);
    for (const slots of physicalToLogical) {
      const nodesOf = Array.from({ length: 4 }, () => new Set<number>());
      for (const [slot, expert] of slots.entries())
        nodesOf[Math.floor(expert / 3)]!.add(Math.floor(slot / 8));
      expect(nodesOf.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
    }
  });

  test.each([
    [16, 5, 5, 8, '12 experts do not divide among 5 groups'],
    [15, 4, 2, 8, '15 replicas do not divide among 8 devices'],
    [16, 4, 4, 2, '2 devices do not divide among 4 nodes'],
    [8, 4, 2, 8, '4 replicas of 6 experts'],
  ])('%i replicas, %i groups, %i nodes, %i devices: refused', (replicas, groups, nodes, devices, message) => {
    expect(() => rebalance(WEIGHTS, replicas, groups, nodes, devices)).toThrow(message);
  });
});
