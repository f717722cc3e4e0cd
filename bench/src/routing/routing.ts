import { join } from 'node:path';
import { startGatewayProcess } from '../gateway-processes';
import { type BenchReport, bar, median, type Row, report } from '../report';
import { agent } from '../stream-timing';
import { chosen, ladderOf, SUBJECTS } from '../subjects';
import { ThinkerProcess } from '../thinker-process';
import { type Played, play } from './play';
import { type Chances, type RequestShape, seeded, sharedPrefixes, unrelated } from './requests';

const REPLICAS = 3;
/** Some four of the shared prompts fit a replica's cache, all of them the three caches together. */
const KV = '96MiB';
/** Of prompts that share nothing. */
const RANDOM_TOKENS = [150, 450] as const;
const CALIBRATION = ['sticky:0', 'sticky:1', 'sticky:2', 'sticky:4', 'sticky:16'];

interface Size extends RequestShape {
  seeds: number;
  answerTokens: number;
  clients: number;
  kv: string;
}

const WHOLE: Size = {
  seeds: 5,
  requests: 40,
  prompts: 10,
  zipf: 1,
  promptTokens: [800, 1400],
  answerTokens: 16,
  clients: 6,
  kv: KV,
};
const QUICK: Size = { ...WHOLE, seeds: 2, requests: 24, prompts: 8, promptTokens: [300, 600], kv: '32MiB' };

interface Run {
  load: string;
  policy: string;
  seed: number;
  played: Played;
}

/**
 * Three real thinkers with one thread each, and the same gateway before them with two ways to choose a replica. The
 * same requests go to each policy in turns, in a new order each seed, with prompts of their own each time, so that
 * no policy finds what another left in the caches. Where prompts are shared, each is used once before time counts.
 */
export async function routing(argv: string[]): Promise<BenchReport> {
  const size = argv.includes('--quick') ? QUICK : WHOLE;
  const calibrate = argv.includes('--calibrate');
  const policies = calibrate ? ['round-robin', ...CALIBRATION] : ['round-robin', 'sticky'];
  // Where nothing is shared the threshold has nothing to say.
  const loads = calibrate ? (['shared'] as const) : (['shared', 'random'] as const);
  const subject = argv.includes('--model') ? chosen(argv)[0] : SUBJECTS[0];
  const fleet = await startFleet(ladderOf(subject as { name: string }), size.kv, policies);
  try {
    const runs: Run[] = [];
    for (let seed = 1; seed <= size.seeds; seed++) {
      for (const load of loads) {
        const order = policies.map((_, at) => policies[(at + seed) % policies.length] as string);
        for (const [at, policy] of order.entries()) {
          const url = fleet.gateways.get(policy)?.url as string;
          const chances = { shape: seeded(seed), words: seeded(1000 * seed + 100 * runs.length + at) };
          const to = { url, model: (subject as { name: string }).name };
          const played = await playLoad(load, size, chances, to);
          runs.push({ load, policy, seed, played });
          console.error(`seed ${seed} ${load} ${policy}: ${JSON.stringify(rounded(played))}`);
        }
      }
    }
    if (calibrate)
      return report(
        'routing',
        policies.flatMap((policy) => rowsOf(runs, policy, loads)),
        [],
      );
    const ours = 'sticky';
    const bars = [
      bar('routing.shared.ttft.ratio', ratio(runs, 'shared', ours, ttft), 1.5, 'higher'),
      bar('routing.shared.throughput.ratio', ratio(runs, 'shared', ours, rate), 1.5, 'higher'),
      bar('routing.random.ttft.ratio', ratio(runs, 'random', ours, ttft), 0.97, 'higher'),
      bar('routing.random.throughput.ratio', ratio(runs, 'random', ours, rate), 0.97, 'higher'),
    ];
    return report(
      'routing',
      policies.flatMap((policy) => rowsOf(runs, policy, loads)),
      bars,
    );
  } finally {
    agent.destroy();
    await fleet.stop();
  }
}

async function startFleet(ladder: string, kv: string, policies: readonly string[]) {
  const thinkers: ThinkerProcess[] = [];
  const gateways = new Map<string, { url: string; stop(): void }>();
  const stop = async () => {
    for (const gateway of gateways.values()) gateway.stop();
    await Promise.all(thinkers.map((thinker) => thinker.stop()));
  };
  try {
    for (let at = 0; at < REPLICAS; at++) {
      const env = { ZEN_THREADS: '1', ZEN_KV_BYTES: kv, ZEN_SPECULATION: 'off', ZEN_SCRUB_RATE: '0' };
      thinkers.push(await ThinkerProcess.spawn(ladder, env));
    }
    await Promise.all(thinkers.map((thinker) => thinker.complete()));
    for (const policy of policies) {
      const env = {
        ZEN_THINKERS: thinkers.map(({ address }) => address).join(','),
        // Nothing is refused: what is measured is where requests go.
        ZEN_MAX_QUEUE: '10m',
      };
      gateways.set(policy, await startGatewayProcess(env, [join(__dirname, 'gateway-process.js'), policy]));
    }
    return { gateways, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function playLoad(
  load: 'shared' | 'random',
  size: Size,
  chances: Chances,
  to: { url: string; model: string },
): Promise<Played> {
  const options = { ...to, answerTokens: size.answerTokens, clients: size.clients };
  if (load === 'random') return play(unrelated({ ...size, promptTokens: RANDOM_TOKENS }, chances), options);
  const { first, asks } = sharedPrefixes(size, chances);
  await play(first, options);
  return play(asks, options);
}

/** Above 1 is better than round robin. */
const ttft = (ours: Played, theirs: Played) => theirs.ttftP50Ms / ours.ttftP50Ms;
const rate = (ours: Played, theirs: Played) => ours.perSecond / theirs.perSecond;

function ratios(
  runs: readonly Run[],
  load: string,
  policy: string,
  of: (ours: Played, theirs: Played) => number,
): number[] {
  const all = runs.filter((run) => run.load === load);
  return all.flatMap((run) => {
    const other = all.find(({ policy: name, seed }) => name === 'round-robin' && seed === run.seed);
    return run.policy === policy && other ? [of(run.played, other.played)] : [];
  });
}

/** The median over the seeds. */
function ratio(...args: Parameters<typeof ratios>): number {
  return median(ratios(...args));
}

function rowsOf(runs: readonly Run[], policy: string, loads: readonly string[]): Row[] {
  return loads.map((load): Row => {
    const all = runs.flatMap((run) => (run.load === load && run.policy === policy ? [run.played] : []));
    const over = (of: (played: Played) => number) => median(all.map(of));
    const routes: Record<string, number> = {};
    for (const played of all) {
      for (const [route, count] of Object.entries(played.routes))
        routes[route] = (routes[route] ?? 0) + count;
    }
    return {
      load,
      policy,
      'ttft p50 ms': over(({ ttftP50Ms }) => ttftP50Ms),
      'ttft p95 ms': over(({ ttftP95Ms }) => ttftP95Ms),
      'requests/s': over(({ perSecond }) => perSecond),
      cached: over(({ cachedShare }) => cachedShare),
      'ttft ratio': ratio(runs, load, policy, ttft),
      'ttft spread': spread(ratios(runs, load, policy, ttft)),
      'throughput ratio': ratio(runs, load, policy, rate),
      'throughput spread': spread(ratios(runs, load, policy, rate)),
      routes: Object.entries(routes)
        .map(([route, count]) => `${route} ${count}`)
        .join(', '),
    };
  });
}

function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}

function rounded({ ttftP50Ms, perSecond, cachedShare, routes }: Played) {
  const short = (value: number) => Number(value.toPrecision(3));
  return { ttft: short(ttftP50Ms), perSecond: short(perSecond), cached: short(cachedShare), routes };
}
