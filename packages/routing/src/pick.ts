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
  /** What the request would take on it if it had nothing of the prompt, milliseconds; null while unknown. */
  answerMs: number | null;
  /** What it saves of that because it has computed the prompt's beginning before, milliseconds. */
  savedMs: number;
  /** What it saves of that because it is the home of what the request needs loaded, milliseconds; 0 where nothing is. */
  homeMs: number;
}

export type Exclusion = 'tried' | 'not-ready' | 'circuit-open' | 'stage-not-attached';

export type RouteReason =
  /** No other can take it. */
  | 'only'
  /** It has the prompt's beginning. */
  | 'prefix'
  /** It is the home of the delta that answers. */
  | 'delta'
  /** Another has the prompt's beginning or the delta, but too much to do. */
  | 'saturated'
  /** None has the prompt's beginning. */
  | 'load';

export type Choice =
  | { t: 'picked'; id: string; reason: RouteReason; excluded: Record<string, Exclusion> }
  | { t: 'none'; excluded: Record<string, Exclusion> };

export interface Need {
  stage: number;
  /** Replicas that have failed this request already. */
  tried: ReadonlySet<string>;
}

/** A way to choose; `random` gives numbers in [0, 1). */
export type Routing = (
  candidates: readonly Candidate[],
  need: Need,
  nowMs: number,
  random: () => number,
) => Choice;

/** Candidates that are compared by load. */
const DRAWS = 3;

/**
 * How much longer a request may take on the replica that has its prefix than on the least busy one, were the prefix
 * nowhere, in multiples of what the prefix saves. At 1 it goes where it is answered first; above, it waits for its
 * prefix, because computing it elsewhere takes other requests' time and drives their prefixes out. Calibrated by
 * `npm run bench -- routing --calibrate`.
 */
export const SATURATION = 2;

/**
 * Filter, score, pick. A request stays with its prefix until that replica is saturated; then, and where nobody has
 * it, load alone decides: of three candidates drawn at random the best one is taken ("power of choices"). With
 * three replicas that is the best one, with many it keeps several gateways that share one stale view of the load
 * from all choosing the same one.
 */
export function pick(
  candidates: readonly Candidate[],
  need: Need,
  nowMs: number,
  random: () => number,
  saturation: number = SATURATION,
): Choice {
  const { fit, excluded } = filter(candidates, need, nowMs);
  const [first] = fit;
  if (!first) return { t: 'none', excluded };
  if (fit.length === 1) return { t: 'picked', id: first.id, reason: 'only', excluded };
  const warm = stickTo(fit, saturation);
  if (warm) return { t: 'picked', id: warm.id, reason: warm.savedMs > 0 ? 'prefix' : 'delta', excluded };
  const reason = fit.some((one) => warmth(one) > 0) ? 'saturated' : 'load';
  let best = draw(fit, random) as Candidate;
  for (let drawn = 1; drawn < DRAWS && fit.length > 0; drawn++) {
    const other = draw(fit, random) as Candidate;
    if (score(other) > score(best)) best = other;
  }
  return { t: 'picked', id: best.id, reason, excluded };
}

/** Those that can take the request, and why the others cannot. */
export function filter(
  candidates: readonly Candidate[],
  need: Need,
  nowMs: number,
): { fit: Candidate[]; excluded: Record<string, Exclusion> } {
  const excluded: Record<string, Exclusion> = {};
  const fit: Candidate[] = [];
  for (const candidate of candidates) {
    const reason = exclusion(candidate, need, nowMs);
    if (reason) excluded[candidate.id] = reason;
    else fit.push(candidate);
  }
  return { fit, excluded };
}

function warmth({ savedMs, homeMs }: Candidate): number {
  return savedMs + homeMs;
}

/** Of those that have a prefix or the delta and are not saturated, the one that is furthest from it. */
function stickTo(fit: readonly Candidate[], saturation: number): Candidate | undefined {
  const least = Math.min(...fit.map(({ answerMs }) => answerMs ?? Number.POSITIVE_INFINITY));
  let best: Candidate | undefined;
  let bestMargin = 0;
  for (const candidate of fit) {
    const { answerMs } = candidate;
    const savedMs = warmth(candidate);
    if (!(savedMs > 0) || answerMs === null) continue;
    const margin = saturation * savedMs - (answerMs - least);
    if (margin < 0 || (best && margin <= bestMargin)) continue;
    best = candidate;
    bestMargin = margin;
  }
  return best;
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
