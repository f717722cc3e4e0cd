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
/** About as many come before the first burst. */
const WARM_REQUESTS = 12;
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
  const capacity = await perSecondNow(0);
  const warmth = { ...sizes, capacity, seconds: WARM_REQUESTS / capacity, seed: (seeds[0] ?? 0) + 1000 };
  await playLoad(url, loadOf('constant', warmth), family, worthOf);

  const runs: RealRun[] = [];
  const against = async (load: string, member: number, part: number, policies: readonly Policy[]) => {
    const served = policies.map((): Served[][] => []);
    const changes: { atMs: number }[] = [];
    for (const [round, seed] of seeds.entries()) {
      const capacity = await perSecondNow(member);
      const arrivals = loadOf('burst', { ...sizes, capacity, seconds: part, seed });
      const order = [...policies.keys()];
      for (const at of round % 2 === 0 ? order : order.reverse()) {
        const { policy, asker } = policies[at] as Policy;
        const startedMs = performance.now();
        const burst = await playLoad(url, arrivals, asker, worthOf);
        served[at]?.push(burst);
        if (policy === 'zen') {
          const { model } = asker(0);
          const made = (await levelChanges(url, model)).filter(({ atMs }) => atMs >= startedMs);
          changes.push(...made.map(({ atMs }) => ({ atMs: atMs - startedMs + round * APART_MS })));
        }
        const { requests, violations, quality } = scoreOf(burst, objective, null);
        const missed = `${policy} missed ${violations} of ${requests} at ${quality.toFixed(3)}`;
        process.stderr.write(`${load}, ${round + 1} of ${seeds.length}: ${missed}\n`);
      }
    }
    for (const [at, { policy }] of policies.entries()) {
      const score = scoreOf((served[at] ?? []).flat(), objective, policy === 'zen' ? changes : null);
      runs.push({ load, policy, score });
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

interface DebugBody {
  groups: { group: string; classes: { changes: { s_ago: number }[] }[] }[];
}

/** The newest changes of a group's levels, by the gateway's own account and this process's clock, oldest first. */
async function levelChanges(url: string, name: string): Promise<{ atMs: number }[]> {
  const { groups } = (await (await fetch(`${url}/debug/rungs`)).json()) as DebugBody;
  const nowMs = performance.now();
  const classes = groups.find(({ group }) => group === name)?.classes ?? [];
  const times = classes.flatMap(({ changes }) =>
    changes.map(({ s_ago }) => ({ atMs: nowMs - s_ago * 1000 })),
  );
  return times.sort((a, b) => a.atMs - b.atMs);
}

/** The most changes of the family's level within one dwell. Its requests are of one class, so it has one level. */
export async function changesPerDwell(url: string, { name }: BenchFamily): Promise<number> {
  const times = await levelChanges(url, name);
  // The account is rounded to four digits.
  const within = ({ atMs }: { atMs: number }) =>
    times.filter((one) => one.atMs >= atMs && one.atMs - atMs < DWELL_MS * 0.98).length;
  return Math.max(0, ...times.map(within));
}
