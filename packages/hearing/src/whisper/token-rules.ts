import type { WhisperTokens } from './whisper-tokens';

export interface RuleSettings {
  /** Whether the answer says times. */
  stamps: boolean;
  /** Ids that never come, and those that do not come first. */
  suppressed: readonly number[];
  suppressedFirst: readonly number[];
}

/** A window's first time is at most this late, in steps of 20 ms. */
const MAX_FIRST_STAMP = 50;
const NEVER = Number.NEGATIVE_INFINITY;

/** Takes from logits, in place, the ids that may not follow `said` (what was decided after the prompt). */
export function applyRules(
  logits: Float32Array,
  said: readonly number[],
  tokens: WhisperTokens,
  settings: RuleSettings,
): void {
  for (const id of settings.suppressed) logits[id] = NEVER;
  if (said.length === 0) for (const id of settings.suppressedFirst) logits[id] = NEVER;
  logits[tokens.noStamps] = NEVER;
  if (settings.stamps) stampRules(logits, said, tokens);
  else logits.fill(NEVER, tokens.firstStamp);
}

/** Times come in pairs around text, never go back, and come where they are likelier together than any text. */
function stampRules(logits: Float32Array, said: readonly number[], tokens: WhisperTokens): void {
  const { firstStamp, end } = tokens;
  if (said.length === 0) {
    logits.fill(NEVER, 0, firstStamp);
    logits.fill(NEVER, firstStamp + MAX_FIRST_STAMP + 1);
    return;
  }
  const last = said.at(-1)! >= firstStamp;
  const beforeLast = said.length < 2 || said.at(-2)! >= firstStamp;
  if (last && beforeLast) logits.fill(NEVER, firstStamp);
  else if (last) logits.fill(NEVER, 0, end);
  const latest = said.findLast((id) => id >= firstStamp);
  // The end of a stretch may be the beginning of the next, but a stretch is not empty.
  if (latest !== undefined) logits.fill(NEVER, firstStamp, last && !beforeLast ? latest : latest + 1);
  let text = NEVER;
  for (let id = 0; id < firstStamp; id++) text = Math.max(text, logits[id]!);
  let top = NEVER;
  for (let id = firstStamp; id < logits.length; id++) top = Math.max(top, logits[id]!);
  if (top === NEVER) return;
  let sum = 0;
  for (let id = firstStamp; id < logits.length; id++) sum += Math.exp(logits[id]! - top);
  if (top + Math.log(sum) > text) logits.fill(NEVER, 0, firstStamp);
}

export function largest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}

/** Below the largest by this much, a logit adds nothing to a sum of float32. */
const NEGLIGIBLE = 20;

/** Logarithm of the probability of an id. */
export function logProbability(logits: Float32Array, id: number): number {
  const top = logits[largest(logits)]!;
  let sum = 0;
  for (const logit of logits) if (logit > top - NEGLIGIBLE) sum += Math.exp(logit - top);
  return logits[id]! - top - Math.log(sum);
}

/** Draws an id; the draws follow from `random`, which gives numbers of [0, 1). */
export function draw(logits: Float32Array, temperature: number, random: () => number): number {
  const top = logits[largest(logits)]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp((logit - top) / temperature);
  let rest = random() * sum;
  for (let id = 0; id < logits.length; id++) {
    rest -= Math.exp((logits[id]! - top) / temperature);
    if (rest < 0) return id;
  }
  return largest(logits);
}
