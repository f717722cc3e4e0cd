import type { PlacementPod } from './placement-pod';
import { DEFAULT_POLICY, type Plan, planPlacement } from './plan';
import { seeded } from './seeded.fixture';

const LAYERS = 2;

/** A cluster and a load by chance: few or many pods, equal or not, on machines of one or several. */
function chance(seed: number) {
  const random = seeded(seed);
  const int = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const experts = int(2, 24);
  const nodes = int(1, 4);
  const equal = random() < 0.5;
  const capacity = int(1, experts + 2);
  const pod = (id: number): PlacementPod => ({
    id: `pod-${id}`,
    capacity: equal ? capacity : int(1, experts + 2),
    node: random() < 0.2 ? '' : `node-${int(1, nodes)}`,
    zone: random() < 0.5 ? '' : `zone-${int(1, 2)}`,
  });
  const load = () => {
    const skew = int(0, 8);
    return Array.from({ length: LAYERS * experts }, () => Math.floor(random() ** skew * 10_000));
  };
  return { random, int, experts, pod, load };
}

/** Every rule that holds for any plan. */
function check(plan: Plan, pods: readonly PlacementPod[], experts: number): void {
  const slots = pods.reduce((sum, { capacity }) => sum + Math.min(capacity, experts), 0);
  for (const layer of plan.layout) {
    const copies = new Array<number>(experts).fill(0);
    for (const [at, held] of layer.entries()) {
      expect(held).toEqual([...new Set(held)].sort((a, b) => a - b));
      // No slot is left empty.
      expect(held).toHaveLength(Math.min(pods[at]!.capacity, experts));
      for (const expert of held) copies[expert]!++;
    }
    if (slots >= experts) expect(Math.min(...copies)).toBeGreaterThanOrEqual(1);
    if (slots >= 2 * experts && pods.length > 1 && canAllHaveTwo(pods, experts)) {
      expect(Math.min(...copies)).toBeGreaterThanOrEqual(2);
    }
  }
  const places = LAYERS * Math.max(0, experts - slots);
  expect(plan.missing).toBe(places);
  if (places > 0) expect(plan.reason).toContain('have no pod');
}

/** One large pod beside small ones cannot hold second copies of everything. */
function canAllHaveTwo(pods: readonly PlacementPod[], experts: number): boolean {
  const sizes = pods.map(({ capacity }) => Math.min(capacity, experts));
  return sizes.reduce((sum, size) => sum + size, 0) - Math.max(...sizes) >= experts;
}

describe('any plan', () => {
  test.each(Array.from({ length: 80 }, (_, seed) => seed))(
    'is valid while pods come and go (seed %i)',
    (seed) => {
      const { random, int, experts, pod, load } = chance(seed);
      let next = 0;
      let pods = Array.from({ length: int(1, 6) }, () => pod(next++));
      let held = new Map<string, number[][]>();
      for (let round = 0; round < 6; round++) {
        const current = Array.from({ length: LAYERS }, (_, layer) =>
          pods.map(({ id }) => held.get(id)?.[layer] ?? []),
        );
        const input = { pods, experts, current, tokens: load(), mayRebalance: random() < 0.5 };
        const plan = planPlacement(input);
        check(plan, pods, experts);
        const again = planPlacement({ ...input, current: plan.layout, mayRebalance: false });
        // What is whole stays as it is, whatever the load.
        expect(again.moves).toBe(0);
        expect(again.layout).toEqual(plan.layout);
        if (input.mayRebalance) {
          // A plan that has just been made has nothing left that is worth a move of the same size.
          const third = planPlacement({ ...input, current: plan.layout });
          expect(third.plannedBalance).toBeLessThanOrEqual(plan.plannedBalance + 1e-9);
        }
        held = new Map(pods.map(({ id }, at) => [id, plan.layout.map((layer) => [...layer[at]!])]));
        if (random() < 0.5) pods = [...pods, pod(next++)];
        if (random() < 0.4 && pods.length > 1) pods = pods.filter((_, at) => at !== int(0, pods.length - 1));
      }
    },
  );
});

describe('moves', () => {
  const pods = (count: number, capacity: number, nodes = count): PlacementPod[] =>
    Array.from({ length: count }, (_, at) => ({ id: `p${at}`, capacity, node: `n${at % nodes}`, zone: '' }));
  const empty = (count: number) => [Array.from({ length: count }, () => [] as number[])];
  const flat = (experts: number) => new Array<number>(experts).fill(1000);

  test('a pod that is lost moves what only it held, and nothing else', () => {
    const four = pods(4, 3);
    const first = planPlacement({
      pods: four,
      experts: 8,
      current: empty(4),
      tokens: flat(8),
      mayRebalance: true,
    });
    const left = [0, 1, 2].map((at) => first.layout[0]![at]!);
    const lost = first.layout[0]![3]!.filter((expert) => !left.some((held) => held.includes(expert)));
    const plan = planPlacement({
      pods: four.slice(0, 3),
      experts: 8,
      current: [left],
      tokens: flat(8),
      mayRebalance: false,
    });
    expect(plan.missing).toBe(0);
    expect(plan.moves).toBe(lost.length);
  });

  test('a pod that joins takes copies of the hottest, and nobody else moves', () => {
    const tokens = [9000, 8000, 100, 100, 100, 100, 100, 100];
    const two = planPlacement({
      pods: pods(2, 4),
      experts: 8,
      current: empty(2),
      tokens,
      mayRebalance: true,
    });
    const current = [[...two.layout[0]!, []]];
    const three = planPlacement({ pods: pods(3, 4), experts: 8, current, tokens, mayRebalance: false });
    expect(three.layout[0]!.slice(0, 2)).toEqual(two.layout[0]);
    expect(three.layout[0]![2]).toEqual(expect.arrayContaining([0, 1]));
    expect(three.moves).toBe(4);
  });

  test('hot experts are on two machines, where there are two', () => {
    const tokens = [9000, 8000, 7000, 100, 100, 100, 100, 100];
    const four = pods(4, 3, 2);
    const { layout } = planPlacement({
      pods: four,
      experts: 8,
      current: empty(4),
      tokens,
      mayRebalance: true,
    });
    for (const hot of [0, 1, 2]) {
      const nodes = four.flatMap(({ node }, at) => (layout[0]![at]!.includes(hot) ? [node] : []));
      expect(new Set(nodes).size).toBe(2);
    }
  });

  test('what would gain little stays, what gains much moves', () => {
    const four = pods(4, 4);
    const input = { pods: four, experts: 16, mayRebalance: true };
    const even = planPlacement({ ...input, current: empty(4), tokens: flat(16) });
    const slightly = flat(16).map((tokens, expert) =>
      even.layout[0]![0]!.includes(expert) ? tokens + 50 : tokens,
    );
    const kept = planPlacement({ ...input, current: even.layout, tokens: slightly });
    expect(kept.moves).toBe(0);
    expect(kept.reason).toContain('no move is worth');
    const asked = { ...input, current: even.layout, tokens: slightly };
    const [neither, gainAlone, costAlone] = [
      { gain: 0, moveCost: 0 },
      { gain: 0.1, moveCost: 0 },
      { gain: 0, moveCost: 0.5 },
    ].map((change) => planPlacement(asked, { ...DEFAULT_POLICY, ...change }).moves);
    expect(neither).toBeGreaterThan(0);
    expect([gainAlone, costAlone]).toEqual([0, 0]);
    const much = flat(16).map((tokens, expert) =>
      even.layout[0]![0]!.includes(expert) ? tokens * 20 : tokens,
    );
    const moved = planPlacement({ ...input, current: even.layout, tokens: much });
    expect(moved.balance).toBeGreaterThan(3);
    expect(moved.plannedBalance).toBeLessThan(1.1);
    // Three of the four hot ones go to other pods, in exchange for three cold ones.
    expect(moved.moves).toBe(6);
    expect(moved.reason).toContain('for the balance');
  });

  test('a fresh plan gives its columns to the pods that hold most of them', () => {
    const tokens = Array.from({ length: 16 }, (_, expert) => 1000 + expert * 10);
    const four = pods(4, 4);
    const { layout } = planPlacement({
      pods: four,
      experts: 16,
      current: empty(4),
      tokens,
      mayRebalance: true,
    });
    const turned = [[...layout[0]!.slice(1), layout[0]![0]!]];
    const plan = planPlacement({ pods: four, experts: 16, current: turned, tokens, mayRebalance: true });
    expect(plan.moves).toBe(0);
  });

  test('fewer slots than experts: the hottest have pods, and the reason says what is missing', () => {
    const tokens = Array.from({ length: 8 }, (_, expert) => (expert + 1) * 1000);
    const plan = planPlacement({
      pods: pods(2, 3),
      experts: 8,
      current: empty(2),
      tokens,
      mayRebalance: true,
    });
    expect(plan.layout[0]!.flat().sort()).toEqual([2, 3, 4, 5, 6, 7]);
    expect(plan.missing).toBe(2);
    expect(plan.reason).toContain('2 of 8 experts have no pod: 2 pods have 6 slots for the 8 of a layer');
  });

  test('no pods: everything is missing, and it says so', () => {
    const plan = planPlacement({ pods: [], experts: 4, current: [[]], tokens: flat(4), mayRebalance: true });
    expect(plan).toMatchObject({ moves: 0, missing: 4, balance: 1, plannedBalance: 1, layout: [[]] });
  });

  test('unequal capacities are used whole', () => {
    const uneven = [2, 5, 1].map((capacity, at) => ({ id: `p${at}`, capacity, node: '', zone: '' }));
    const plan = planPlacement({
      pods: uneven,
      experts: 6,
      current: empty(3),
      tokens: flat(6),
      mayRebalance: true,
    });
    expect(plan.layout[0]!.map(({ length }) => length)).toEqual([2, 5, 1]);
    expect(plan.missing).toBe(0);
  });
});
