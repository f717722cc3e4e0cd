import { type Rung, rungName } from '@zen/quality';
import type { BenchFamily } from './family';
import type { FamilyMember, FamilyServer, RequestSizes } from './family-server';
import { loadOf } from './load-shapes';
import type { MeasuredFamily } from './measure-family';
import { type Asker, playLoad } from './open-loop';
import { type Score, type Served, scoreOf } from './score';

export interface RealRun {
  load: string;
  policy: string;
  score: Score;
}

interface Policy {
  policy: string;
  asker: Asker;
}

export interface RealOptions {
  sizes: RequestSizes;
  /** A burst of each; what is told is of all of them together. */
  seeds: readonly number[];
  /** Of one burst. */
  seconds: number;
}

const DWELL_MS = 2000;
/** Of the naive threshold on the real server: requests in flight. */
const THRESHOLDS = [2, 4, 6];
/** Between two bursts, by the clock of the score, so that no change counts as one soon after the last of another. */
const APART_MS = 600_000;

/**
 * The same bursts against every policy on one server, a burst with each policy before the next burst and every second
 * time in reverse, so that a slow minute of the machine hits all of them; and as big as the machine is fast just
 * before, so that a slow minute at the start does not make every burst none. The fixed top rung asks for full quality;
 * the naive threshold counts its own requests and pins the rung; ours only names the family. Then each member alone
 * with bursts of its own size: its top stage, and ours along its stages.
 */
export async function realRuns(
  { url, objective, members, perSecondNow }: FamilyServer,
  { name, models }: BenchFamily,
  { rungs }: MeasuredFamily,
  { sizes, seeds, seconds }: RealOptions,
): Promise<RealRun[]> {
  const worths = new Map(rungs.map((rung) => [rungName(rung), rung.top1]));
  const worthOf = (rung: Rung) => worths.get(rungName(rung)) ?? null;
  const [best, other] = members as [FamilyMember, FamilyMember];
  const family: Asker = () => ({ model: name, headers: {} });
  // The gateway learns what requests are like before any of them counts.
  const capacity = (await perSecondNow(0)) / 2;
  const warmth = { ...sizes, capacity, seconds: 8, seed: (seeds[0] ?? 0) + 1000 };
  await playLoad(url, loadOf('constant', warmth), family, worthOf);

  const runs: RealRun[] = [];
  const against = async (load: string, member: number, part: number, policies: readonly Policy[]) => {
    const served = policies.map((): Served[][] => []);
    for (const [round, seed] of seeds.entries()) {
      const capacity = await perSecondNow(member);
      const arrivals = loadOf('burst', { ...sizes, capacity, seconds: part, seed });
      const order = [...policies.keys()];
      for (const at of round % 2 === 0 ? order : order.reverse()) {
        const { policy, asker } = policies[at] as Policy;
        const burst = await playLoad(url, arrivals, asker, worthOf);
        served[at]?.push(burst);
        const { requests, violations, quality } = scoreOf(burst, objective, null);
        const missed = `${policy} missed ${violations} of ${requests} at ${quality.toFixed(3)}`;
        process.stderr.write(`${load}, ${round + 1} of ${seeds.length}: ${missed}\n`);
      }
    }
    for (const [at, { policy }] of policies.entries()) {
      const bursts = served[at] ?? [];
      const changes = bursts.flatMap((one, round) =>
        changesOf(one).map(({ atMs }) => ({ atMs: atMs + round * APART_MS })),
      );
      runs.push({
        load,
        policy,
        score: scoreOf(bursts.flat(), objective, policy === 'zen' ? changes : null),
      });
    }
  };
  const naive = THRESHOLDS.map((most): Policy => {
    const asker: Asker = (inFlight) => {
      const rung =
        inFlight < most
          ? { model: best.model, stage: best.stages.at(-1) ?? 0 }
          : { model: other.model, stage: other.servable[0] ?? 0 };
      return { model: rung.model, headers: { 'x-zen-stage': String(rung.stage) } };
    };
    return { policy: `threshold ${most}`, asker };
  });
  await against('burst', 0, seconds, [
    { policy: 'zen', asker: family },
    ...naive,
    { policy: 'fixed top', asker: () => full(name) },
  ]);
  for (const [at, model] of models.entries()) {
    await against(`burst for ${model}`, at, seconds / 2, [
      { policy: 'zen', asker: () => ({ model, headers: {} }) },
      { policy: 'fixed top', asker: () => full(model) },
    ]);
  }
  return runs;
}

function full(model: string) {
  return { model, headers: { 'x-zen-quality': 'full' } };
}

/** Without floors and pins the rung of each answer is the level; requests are in order of time. */
function changesOf(served: readonly { atMs: number; rung: Rung | null }[]): { atMs: number }[] {
  const levels = served.flatMap(({ atMs, rung }) => (rung ? [{ atMs, name: rungName(rung) }] : []));
  return levels.filter(({ name }, at) => at > 0 && name !== levels[at - 1]?.name);
}

interface DebugBody {
  groups: { group: string; classes: { changes: { s_ago: number }[] }[] }[];
}

/** The most changes of one level of the family within one dwell, by the gateway's own account. */
export async function changesPerDwell(url: string, { name }: BenchFamily): Promise<number> {
  const { groups } = (await (await fetch(`${url}/debug/rungs`)).json()) as DebugBody;
  const classes = groups.find(({ group }) => group === name)?.classes ?? [];
  const most = classes.map(({ changes }) => {
    const times = changes.map(({ s_ago }) => s_ago * 1000);
    // The account is rounded to four digits.
    return Math.max(
      0,
      ...times.map((at) => times.filter((one) => one >= at && one - at < DWELL_MS * 0.98).length),
    );
  });
  return Math.max(0, ...most);
}
