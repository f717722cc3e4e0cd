import { type Rung, rungName } from './rung';

export type Figure = 'ttft' | 'tpot';

/** Weight of the newest observation. */
const NEWEST = 0.2;
/**
 * A rung that nobody is sent to is not observed either: what was learned of it in a bad minute must fade, or it
 * would never be tried again.
 */
const HALF_LIFE_MS = 15_000;
/** A prediction is corrected to at least this share of it, and at most this multiple. */
export const MIN_CORRECTION = 0.75;
export const MAX_CORRECTION = 3;
/** Entries remembered at once; the one that was observed longest ago is forgotten. */
const MAX_TRACKS = 2048;

interface Track {
  /** Natural logarithm of a ratio. */
  log: number;
  atMs: number;
}

/**
 * How the times that were seen compare to those that were predicted: a bounded factor for each rung. What slows a
 * replica (a neighbour on its cores, prompts beside answers) slows all its stages alike, so most of the factor is
 * learned for the model and only the rest for the stage; else a stage that has not answered for a while would
 * look cheap next to one that has.
 */
export class Corrections {
  private readonly tracks = new Map<string, Track>();

  observe(rung: Rung, figure: Figure, predictedMs: number, observedMs: number, nowMs: number): void {
    if (!(predictedMs > 0 && observedMs > 0)) return;
    const ratio = Math.log(bounded(observedMs / predictedMs));
    const shared = this.learn(`${rung.model} ${figure}`, ratio, nowMs);
    this.learn(`${rungName(rung)} ${figure}`, ratio - shared, nowMs);
  }

  /** What a prediction is to be multiplied with; 1 for a rung of a model that was not observed lately. */
  factor(rung: Rung, figure: Figure, nowMs: number): number {
    const shared = this.faded(`${rung.model} ${figure}`, nowMs);
    const own = this.faded(`${rungName(rung)} ${figure}`, nowMs);
    return bounded(Math.exp(shared + own));
  }

  private learn(key: string, log: number, nowMs: number): number {
    const before = this.faded(key, nowMs);
    const after = before + NEWEST * (log - before);
    // Re-inserted last: a Map iterates in order of insertion, so the first key was observed longest ago.
    this.tracks.delete(key);
    this.tracks.set(key, { log: after, atMs: nowMs });
    if (this.tracks.size > MAX_TRACKS) this.tracks.delete(this.tracks.keys().next().value as string);
    return after;
  }

  private faded(key: string, nowMs: number): number {
    const track = this.tracks.get(key);
    if (!track) return 0;
    return track.log * 2 ** (-Math.max(0, nowMs - track.atMs) / HALF_LIFE_MS);
  }
}

function bounded(ratio: number): number {
  return Math.min(MAX_CORRECTION, Math.max(MIN_CORRECTION, ratio));
}
