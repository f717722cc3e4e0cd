import { type Rung, rungName } from '@zen/quality';
import type { BenchFamily } from './family';
import type { FamilyServer, MemberCapacity, RequestSizes } from './family-server';
import { loadOf } from './load-shapes';
import type { MeasuredFamily } from './measure-family';
import { type Asker, playLoad } from './open-loop';
import { type Score, scoreOf } from './score';

export interface RealRun {
  load: string;
  policy: string;
  score: Score;
}

export interface RealOptions {
  sizes: RequestSizes;
  seed: number;
  seconds: number;
}

const DWELL_MS = 2000;
/** Of the naive threshold on the real server: requests in flight. */
const THRESHOLDS = [2, 4];

/**
 * The same burst against every policy, one after the other on one server. The fixed top rung asks for full
 * quality; the naive threshold counts its own requests and pins the rung; ours only names the family. Then each
 * member alone with a burst of its own size: its top stage, and ours along its stages.
 */
export async function realRuns(
  { url, objective, capacities }: FamilyServer,
  { name, models }: BenchFamily,
  { rungs }: MeasuredFamily,
  { sizes, seed, seconds }: RealOptions,
): Promise<RealRun[]> {
  const worths = new Map(rungs.map((rung) => [rungName(rung), rung.top1]));
  const worthOf = (rung: Rung) => worths.get(rungName(rung)) ?? null;
  const runs: RealRun[] = [];
  const run = async (load: string, policy: string, capacity: number, part: number, asker: Asker) => {
    const arrivals = loadOf('burst', { ...sizes, capacity, seconds: part, seed });
    const served = await playLoad(url, arrivals, asker, worthOf);
    const levels = policy === 'zen' ? changesOf(served) : null;
    runs.push({ load, policy, score: scoreOf(served, objective, levels) });
  };
  const [best, other] = capacities as [MemberCapacity, MemberCapacity];
  const family: Asker = () => ({ model: name, headers: {} });
  // The gateway learns what requests are like before any of them counts.
  const warm = loadOf('constant', { ...sizes, capacity: best.perSecond / 2, seconds: 8, seed: seed + 1 });
  await playLoad(url, warm, family, worthOf);

  const capacity = best.perSecond;
  await run('burst', 'zen', capacity, seconds, family);
  for (const most of THRESHOLDS) {
    await run('burst', `threshold ${most}`, capacity, seconds, (inFlight) => {
      const rung =
        inFlight < most
          ? { model: best.model, stage: best.stages.at(-1) ?? 0 }
          : { model: other.model, stage: other.servable[0] ?? 0 };
      return { model: rung.model, headers: { 'x-zen-stage': String(rung.stage) } };
    });
  }
  await run('burst', 'fixed top', capacity, seconds, () => full(name));
  for (const [at, model] of models.entries()) {
    const { perSecond } = capacities[at] as MemberCapacity;
    // Of the best member the fixed top rung has just been seen.
    if (at > 0) await run(`burst for ${model}`, 'fixed top', perSecond, seconds / 2, () => full(model));
    await run(`burst for ${model}`, 'zen', perSecond, seconds / 2, () => ({ model, headers: {} }));
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
