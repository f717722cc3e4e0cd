import { type Holder, nextHoldings } from './next-holdings';
import type { PlacementPod } from './placement-pod';
import { planPlacement } from './plan';
import { seeded } from './seeded.fixture';

/** Pods that do what they are told, each in its own time: what goes, goes at once, what comes, comes one by one. */
class World {
  readonly held: Set<number>[];
  readonly told: Set<number>[];

  constructor(
    readonly pods: readonly PlacementPod[],
    layout: readonly (readonly number[])[],
    readonly leaving: ReadonlySet<number> = new Set(),
  ) {
    this.held = layout.map((experts) => new Set(experts));
    this.told = layout.map((experts) => new Set(experts));
  }

  holders(): Holder[] {
    return this.pods.map(({ capacity }, pod) => ({
      capacity,
      held: new Set(this.held[pod]),
      told: new Set(this.told[pod]),
      stays: !this.leaving.has(pod),
    }));
  }

  tell(next: readonly (readonly number[])[]): boolean {
    let changed = false;
    for (const [pod, experts] of next.entries()) {
      changed ||= experts.length !== this.told[pod]!.size || experts.some((one) => !this.told[pod]!.has(one));
      this.told[pod] = new Set(experts);
      this.held[pod] = new Set([...this.held[pod]!].filter((expert) => this.told[pod]!.has(expert)));
    }
    return changed;
  }

  /** Some of what was told comes to be held; true where anything did. */
  arrive(random: () => number): boolean {
    const coming = this.told.flatMap((told, pod) =>
      [...told].flatMap((expert) => (this.held[pod]!.has(expert) ? [] : [{ pod, expert }])),
    );
    if (coming.length === 0) return false;
    const { pod, expert } = coming[Math.floor(random() * coming.length)]!;
    this.held[pod]!.add(expert);
    return true;
  }

  get all(): Set<number> {
    return new Set(this.held.flatMap((held) => [...held]));
  }
}

/** Goes to the target and checks every step; returns what is held in the end. */
function go(world: World, target: readonly (readonly number[])[], random: () => number): number[][] {
  const needed = new Set(target.flat());
  let held = world.all;
  for (let step = 0; step < 2000; step++) {
    const next = nextHoldings(world.holders(), target);
    for (const [pod, experts] of next.entries()) {
      expect(experts.length).toBeLessThanOrEqual(world.pods[pod]!.capacity);
      if (world.leaving.has(pod)) expect(new Set(experts)).toEqual(world.told[pod]);
    }
    const told = world.tell(next);
    const now = world.all;
    // Nothing that is wanted is lost on the way.
    for (const expert of held) if (needed.has(expert)) expect(now).toContain(expert);
    held = now;
    if (!world.arrive(random) && !told) break;
    held = world.all;
  }
  return world.held.map((experts) => [...experts].sort((a, b) => a - b));
}

describe('on the way to a plan', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'nothing is lost, and it gets there (seed %i)',
    (seed) => {
      const random = seeded(seed + 1000);
      const int = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
      const experts = int(3, 16);
      const count = int(2, 6);
      const pods = Array.from({ length: count }, (_, at) => ({
        id: `p${at}`,
        capacity: int(2, experts),
        node: `n${at}`,
        zone: '',
      }));
      const load = () => Array.from({ length: experts }, () => Math.floor(random() ** 4 * 10_000));
      const empty = [pods.map(() => [])];
      const fresh = () =>
        planPlacement({ pods, experts, current: empty, tokens: load(), mayRebalance: true }).layout[0]!;
      const target = fresh();
      const slots = pods.reduce((sum, { capacity }) => sum + capacity, 0);
      const end = go(new World(pods, fresh()), target, random);
      // With no slot to spare it may have to stay on the way.
      if (slots > experts) expect(end).toEqual(target);
    },
  );

  test.each(Array.from({ length: 30 }, (_, seed) => seed))(
    'one copy to spare is enough for any change (seed %i)',
    (seed) => {
      const random = seeded(seed + 5000);
      const count = 2 + (seed % 4);
      const capacity = 1 + (seed % 5);
      const experts = count * capacity - 1;
      if (experts < count) return;
      const shuffled = () => {
        const layout = Array.from({ length: count }, () => [] as number[]);
        const order = Array.from({ length: experts }, (_, expert) => expert);
        for (let at = order.length - 1; at > 0; at--) {
          const other = Math.floor(random() * (at + 1));
          [order[at], order[other]] = [order[other]!, order[at]!];
        }
        for (const [at, expert] of order.entries()) layout[at % count]!.push(expert);
        const short = layout.find(({ length }) => length < capacity)!;
        short.push(order.find((expert) => !short.includes(expert))!);
        return layout.map((one) => one.sort((a, b) => a - b));
      };
      const pods = Array.from({ length: count }, (_, at) => ({ id: `p${at}`, capacity, node: '', zone: '' }));
      const target = shuffled();
      expect(go(new World(pods, shuffled()), target, random)).toEqual(target);
    },
  );

  test('what a pod that goes holds is taken over first, by whoever has room', () => {
    const pods = [3, 3, 3].map((capacity, at) => ({ id: `p${at}`, capacity, node: '', zone: '' }));
    const world = new World(
      pods,
      [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
      new Set([2]),
    );
    const next = nextHoldings(world.holders(), [[0, 1, 4], [2, 3, 5], []]);
    expect(next).toEqual([
      [0, 1, 4],
      [2, 3, 5],
      [4, 5],
    ]);
  });

  test('the last holder keeps what another is still fetching', () => {
    const holder = (held: number[], told: number[]): Holder => ({
      capacity: 2,
      held: new Set(held),
      told: new Set(told),
      stays: true,
    });
    const target = [[1], [0]];
    expect(nextHoldings([holder([0], [0]), holder([1], [1])], target)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(nextHoldings([holder([0], [0, 1]), holder([1], [0, 1])], target)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(nextHoldings([holder([0, 1], [0, 1]), holder([1], [0, 1])], target)).toEqual([[0, 1], [0]]);
    expect(nextHoldings([holder([0, 1], [0, 1]), holder([0], [0])], target)).toEqual([[1], [0]]);
  });

  test('without a slot to spare nothing is lost, and nothing moves', () => {
    const pods = [1, 1].map((capacity, at) => ({ id: `p${at}`, capacity, node: '', zone: '' }));
    expect(go(new World(pods, [[0], [1]]), [[1], [0]], seeded(1))).toEqual([[0], [1]]);
  });

  test('what nobody shall hold any more makes room', () => {
    const pods = [{ id: 'p0', capacity: 1, node: '', zone: '' }];
    expect(go(new World(pods, [[0]]), [[1]], seeded(1))).toEqual([[1]]);
  });
});
