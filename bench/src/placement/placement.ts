import { DEFAULT_POLICY, type PlacementPod } from '@zen/placement';
import { type Bar, type BenchReport, bar, median, type Row, report } from '../report';
import { seeded } from '../routing/requests';
import { adversarial, type Cluster, drifting, even, type Load, skewed } from './loads';
import { planTimes } from './plan-times';
import { chance, eplb, fixed, type Planner, zen } from './planners';
import { type Outcome, simulate } from './simulate';

const CLUSTER: Cluster = { layers: 8, experts: 64 };
const PODS = 8;
/** A quarter of the slots are for further copies. */
const CAPACITY = 10;
/** An hour. */
const STEPS = 360;
const SEEDS = [1, 2, 3];

const pod = (at: number): PlacementPod => ({
  id: `pod-${at}`,
  capacity: CAPACITY,
  node: `node-${at % 4}`,
  zone: '',
});
const steady = Array.from({ length: PODS }, (_, at) => pod(at));

interface Scenario {
  load: (seed: number) => Load;
  podsAt: (seed: number) => (step: number) => readonly PlacementPod[];
  /** Pods come and go, which the published balancer knows nothing of. */
  changing?: boolean;
}

const always = () => () => steady;
const SCENARIOS: Record<string, Scenario> = {
  even: { load: (seed) => even(CLUSTER, seed), podsAt: always },
  skewed: { load: (seed) => skewed(CLUSTER, seed), podsAt: always },
  drifting: { load: (seed) => drifting(CLUSTER, seed), podsAt: always },
  'adversary, 5 min': { load: (seed) => adversarial(CLUSTER, seed, 30), podsAt: always },
  'adversary, 1 min': { load: (seed) => adversarial(CLUSTER, seed, 6), podsAt: always },
  'pods come and go': { load: (seed) => skewed(CLUSTER, seed), podsAt: comingAndGoing, changing: true },
};

/** Every two minutes or so one goes or a new one comes; 7 to 10 of them, which is room for every expert. */
function comingAndGoing(seed: number): (step: number) => readonly PlacementPod[] {
  const random = seeded(seed + 77);
  let next = PODS;
  let pods = steady;
  return (step) => {
    if (step === 0 || random() > 1 / 12) return pods;
    const leaves = pods.length > 7 && (pods.length > 9 || random() < 0.5);
    const gone = Math.floor(random() * pods.length);
    pods = leaves ? pods.filter((_, at) => at !== gone) : [...pods, pod(next++)];
    return pods;
  };
}

/** Static, random and published placement beside the product's, over an hour each; then the time that plans take. */
export async function placement(): Promise<BenchReport> {
  const rows: Row[] = [];
  const bars: Bar[] = [];
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    const planners: Record<string, (seed: number) => Planner> = {
      static: () => fixed,
      random: chance,
      ...(scenario.changing ? {} : { 'EPLB each minute': () => eplb }),
      zen: () => zen(),
    };
    const outcomes = new Map<string, Outcome>();
    for (const [which, planner] of Object.entries(planners)) {
      const outcome = play(scenario, planner);
      outcomes.set(which, outcome);
      rows.push({ load: name, placement: which, ...shown(outcome) });
    }
    const mine = outcomes.get('zen')!;
    const least = Math.min(outcomes.get('static')!.balance, outcomes.get('random')!.balance);
    const limit = name.startsWith('adversary') || name === 'even' ? 1.02 : 0.8;
    bars.push(
      bar(
        `placement.${name}.balance over the better of static and random`,
        mine.balance / least,
        limit,
        'lower',
      ),
    );
    if (scenario.changing) bars.push(bar(`placement.${name}.missing`, mine.missing, 0, 'lower'));
  }
  for (const [gain, moveCost] of [
    [0, 0],
    [0.05, 0.25],
    [0.1, 0.5],
    [0.2, 1],
    [0.4, 2],
  ] as const) {
    const outcome = play(SCENARIOS.drifting!, () => zen({ ...DEFAULT_POLICY, gain, moveCost }));
    rows.push({ load: 'drifting', gain, move_cost: moveCost, ...shown(outcome) });
  }
  const large = planTimes(60, 256, 16, 20);
  rows.push(planTimes(6, 8, 4, 3), planTimes(48, 128, 8, 20), large);
  bars.push(bar('placement.60x256.load changed, cpu ms', Number(large.load_changed_cpu_ms), 500, 'lower'));
  return report('placement', rows, bars);
}

function play({ load, podsAt }: Scenario, planner: (seed: number) => Planner): Outcome {
  const outcomes = SEEDS.map((seed) =>
    simulate({
      cluster: CLUSTER,
      load: load(seed),
      podsAt: podsAt(seed),
      planner: planner(seed),
      steps: STEPS,
    }),
  );
  const of = (figure: keyof Outcome) => median(outcomes.map((outcome) => outcome[figure]));
  return {
    balance: of('balance'),
    balanceP95: of('balanceP95'),
    movesPerHour: of('movesPerHour'),
    missing: Math.max(...outcomes.map(({ missing }) => missing)),
  };
}

function shown({ balance, balanceP95, movesPerHour, missing }: Outcome): Row {
  return { balance, p95: balanceP95, moved_per_hour: movesPerHour, missing };
}
