import type { PlacedRung } from './place-rungs';

/** What a request demands of the rung that answers it. */
export interface Floors {
  /** The lowest stage, of whichever model. */
  minStage: number;
  /** The best rung of the group or nothing. */
  full: boolean;
  /** A program reads the answer: JSON, a tool call. */
  structured: boolean;
}

/**
 * A rung is near the source if this much less of its JSON parses at most. The figures are of some dozen prompts,
 * so one answer more or less is within it.
 */
export const JSON_TOLERANCE = 0.05;

/** The rungs of the group, lowest first, that may answer a request with these floors. */
export function allowedBy(
  { minStage, full, structured }: Floors,
  rungs: readonly PlacedRung[],
): PlacedRung[] {
  const top = rungs.at(-1);
  if (!top) return [];
  return rungs.filter((rung, at) => {
    if (rung.stage < minStage || (full && rung !== top)) return false;
    return !structured || rungs.slice(at).every((one) => one.model !== rung.model || writesJson(one, top));
  });
}

/** The group's best rung stands for the source. Where nothing was measured, only that rung is trusted. */
function writesJson(rung: PlacedRung, top: PlacedRung): boolean {
  if (rung === top) return true;
  if (rung.jsonValid === null || top.jsonValid === null) return false;
  return rung.jsonValid >= top.jsonValid - JSON_TOLERANCE;
}
