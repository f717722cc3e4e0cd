import { answerLimit, type BatchRequest, type GenerationEvent, NO_FALLS, promptLength } from '@zen/batching';
import type { Tokenizer } from '@zen/tokenizer';

type Finished = Extract<GenerationEvent, { type: 'finished' }>;

/**
 * All events of an answer that goes on although it has ended: the other call gave its last token, and only the
 * message that says so was lost. Null where there is more to come. `stopped`: its shown text holds a stop text.
 */
export function endedAlready(
  request: BatchRequest,
  stopped: boolean,
  tokenizer: Tokenizer,
  { contextTokens, stage }: { contextTokens: number; stage: number },
): GenerationEvent[] | null {
  const { prompt, sampled = [] } = request;
  const end = endOf(request, tokenizer, contextTokens);
  if (!end && !stopped) return null;
  const promptTokens = promptLength(prompt);
  const used = { promptTokens, cachedTokens: 0 };
  const computed = { draftTokens: 0, acceptedDraftTokens: 0, expertFalls: NO_FALLS };
  const { reason, stopIndex } = end ?? { reason: 'stopText', stopIndex: -1 };
  return [
    { type: 'started', stage, queueUs: 0, ...used },
    { type: 'finished', reason, stopIndex, completionTokens: sampled.length, ...used, ...computed },
  ];
}

function endOf(
  { prompt, maxTokens, sampling, sampled = [] }: BatchRequest,
  tokenizer: Tokenizer,
  contextTokens: number,
): Pick<Finished, 'reason' | 'stopIndex'> | null {
  const last = sampled.at(-1);
  if (last === undefined) return null;
  if (sampling.stopTokens.includes(last)) return { reason: 'stopToken', stopIndex: -1 };
  const known = sampled.filter((token) => token < tokenizer.vocabSize);
  const stopIndex = firstStop(tokenizer, known, sampling.stop);
  if (stopIndex >= 0) return { reason: 'stopText', stopIndex };
  if (sampled.length < answerLimit({ prompt, maxTokens }, contextTokens)) return null;
  return { reason: 'length', stopIndex: -1 };
}

/** The stop text that begins first, looked for as the engine does: in bytes, those of control tokens included. */
function firstStop(tokenizer: Tokenizer, tokens: readonly number[], stops: readonly string[]): number {
  if (stops.length === 0) return -1;
  const bytes = Buffer.from(tokenizer.decodeBytes(tokens));
  let first = Number.POSITIVE_INFINITY;
  let found = -1;
  for (const [i, stop] of stops.entries()) {
    const at = bytes.indexOf(stop);
    if (at < 0 || at >= first) continue;
    first = at;
    found = i;
  }
  return found;
}
