import { HearingError } from '../hearing-error';
import { repeatedBehind } from './repeated-behind';
import { applyRules, draw, largest, logProbability } from './token-rules';
import type { DecoderStep, EncodedAudio, WhisperModel } from './whisper-model';

export interface DecodeOptions {
  language: string;
  translate: boolean;
  stamps: boolean;
  /** Ids of what was said before, or of words that are likely. */
  before: readonly number[];
  temperature: number;
  random: () => number;
  /** Ids that the answer begins with, for certain. */
  forced: readonly number[];
  /** Ids that probably come after those; what is right of them costs one step together. */
  guess: readonly number[];
  /** How many times in a row the same may be said; one more is taken back and ends the answer. */
  mostRepeats: number;
  cancelled: () => boolean;
}

export interface DecodedWindow {
  /** Text and times, without the end. */
  ids: number[];
  /** Of each id. */
  logProbabilities: number[];
  /** Mean over the ids and the end. */
  logProbability: number;
  noSpeechProbability: number;
  /** It said the same once more than it may. */
  circles: boolean;
}

/** Tokens of a window at most; and how many guesses are checked in one step. */
const MAX_IDS = 220;
const MAX_GUESS = 64;
/** Ids of what was before that are kept: half of a window's room. */
export const MAX_BEFORE = 223;

/** What is said in a window, token after token. */
export async function decodeWindow(
  model: WhisperModel,
  audio: EncodedAudio,
  options: DecodeOptions,
): Promise<DecodedWindow> {
  const { tokens, description } = model;
  const before = options.before.length > 0 ? [tokens.before, ...options.before.slice(-MAX_BEFORE)] : [];
  const prompt = [...before, ...promptOf(model, options)];
  const room = Math.min(MAX_IDS, description.shape.textPositions - prompt.length - 1);
  const forced = options.forced.slice(0, Math.min(MAX_GUESS, room - 1));
  const guess = options.guess.slice(0, Math.min(MAX_GUESS, room - 1) - forced.length);
  const cache = model.newCache();
  const rows = [before.length, ...[...forced, ...guess, 0].map((_, i) => prompt.length - 1 + i)];
  let step: DecoderStep = await model.decode(audio, cache, [...prompt, ...forced, ...guess], rows);
  const noSpeechProbability = Math.exp(logProbability(step.logits[0]!, tokens.noSpeech));
  let waiting = step.logits.slice(1);
  const expected = [...forced, ...guess];
  const ids: number[] = [];
  const logProbabilities: number[] = [];
  let sum = 0;
  let circle = 0;
  for (;;) {
    if (options.cancelled()) throw new HearingError('cancelled', 'transcription: cancelled');
    const logits = waiting.shift()!;
    const at = ids.length;
    applyRules(logits, ids, tokens, { stamps: options.stamps, ...description.suppressed });
    const chosen =
      at < forced.length
        ? forced[at]!
        : options.temperature > 0
          ? draw(logits, options.temperature, options.random)
          : largest(logits);
    const probability = at < forced.length ? 0 : logProbability(logits, chosen);
    sum += probability;
    if (chosen === tokens.end || ids.length + 1 >= room) break;
    ids.push(chosen);
    logProbabilities.push(probability);
    circle = at < forced.length ? 0 : repeatedBehind(ids, options.mostRepeats);
    if (circle > 0) break;
    if (chosen === expected[at] && waiting.length > 0) continue;
    cache.truncate(prompt.length + at);
    step = await model.decode(audio, cache, [chosen], [0]);
    waiting = step.logits;
  }
  const mean = sum / (ids.length - forced.length + 1);
  ids.length -= circle;
  logProbabilities.length = ids.length;
  return { ids, logProbabilities, logProbability: mean, noSpeechProbability, circles: circle > 0 };
}

export function promptOf(
  { tokens }: WhisperModel,
  { language, translate, stamps }: Pick<DecodeOptions, 'language' | 'translate' | 'stamps'>,
): number[] {
  const languageId = tokens.languages.get(language);
  if (languageId === undefined) throw new HearingError('bad-option', `language: ${language} is not known`);
  const task = translate ? tokens.translate : tokens.transcribe;
  return [tokens.start, languageId, task, ...(stamps ? [] : [tokens.noStamps])];
}

/** The likeliest language of a window and its probability. */
export async function detectLanguage(
  model: WhisperModel,
  audio: EncodedAudio,
): Promise<{ language: string; probability: number }> {
  const { logits } = await model.decode(audio, model.newCache(), [model.tokens.start], [0]);
  let best = { language: 'en', logit: Number.NEGATIVE_INFINITY };
  for (const [language, id] of model.tokens.languages) {
    if (logits[0]![id]! > best.logit) best = { language, logit: logits[0]![id]! };
  }
  let sum = 0;
  for (const id of model.tokens.languages.values()) sum += Math.exp(logits[0]![id]! - best.logit);
  return { language: best.language, probability: 1 / sum };
}
