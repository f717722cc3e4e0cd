import { allows, type Circuit } from './circuit';

export interface Candidate {
  id: string;
  /** Connected, described and not draining. */
  ready: boolean;
  circuit: Circuit;
  /** Stages that it can answer with now. */
  stages: readonly number[];
  /** Share of the objective that the request would use up on it; null while unknown. */
  pressure: number | null;
}

export type Exclusion = 'tried' | 'not-ready' | 'circuit-open' | 'stage-not-attached';

export type Choice =
  | { t: 'picked'; id: string; score: number; excluded: Record<string, Exclusion> }
  | { t: 'none'; excluded: Record<string, Exclusion> };

export interface Need {
  stage: number;
  /** Replicas that have failed this request already. */
  tried: ReadonlySet<string>;
}

/**
 * Filter, score, pick. Of two candidates drawn at random the better one is taken ("power of two choices"): with
 * two replicas that is the better one, with many it keeps several gateways that share one stale view of the load
 * from all choosing the same one. `random` gives numbers in [0, 1).
 */
export function pick(
  candidates: readonly Candidate[],
  need: Need,
  nowMs: number,
  random: () => number,
): Choice {
  const excluded: Record<string, Exclusion> = {};
  const fit: Candidate[] = [];
  for (const candidate of candidates) {
    const reason = exclusion(candidate, need, nowMs);
    if (reason) excluded[candidate.id] = reason;
    else fit.push(candidate);
  }
  const first = draw(fit, random);
  if (!first) return { t: 'none', excluded };
  const second = draw(fit, random) ?? first;
  const best = score(second) > score(first) ? second : first;
  return { t: 'picked', id: best.id, score: score(best), excluded };
}

function exclusion(candidate: Candidate, need: Need, nowMs: number): Exclusion | undefined {
  if (need.tried.has(candidate.id)) return 'tried';
  if (!candidate.ready) return 'not-ready';
  if (!allows(candidate.circuit, nowMs)) return 'circuit-open';
  return candidate.stages.includes(need.stage) ? undefined : 'stage-not-attached';
}

/** 0 to 1: 1 is idle, 1/2 just meets the objective. An unknown load counts as just meeting it. */
export function score(candidate: Pick<Candidate, 'pressure'>): number {
  return 1 / (1 + (candidate.pressure ?? 1));
}

function draw(from: Candidate[], random: () => number): Candidate | undefined {
  return from.splice(Math.floor(random() * from.length), 1)[0];
}
