import { readFile } from 'node:fs/promises';
import { SEQUENCE_TOKENS } from '@zen/delta-build';
import { DeltaError } from '@zen/deltas';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';

/** One sequence, and the first token that counts: all before it is given. */
export interface ScoredText {
  tokens: Int32Array;
  answerAt: number;
}

/**
 * A text in sequences, every token of which counts but the first; or a `.jsonl` with `prompt` and `answer` in each
 * line, as chats of which only the answers count.
 */
export async function readTexts(path: string, spec: unknown): Promise<ScoredText[]> {
  const tokenizer = Tokenizer.from(spec as TokenizerSpec);
  const text = await readFile(path, 'utf8');
  const texts = path.endsWith('.jsonl') ? chats(path, text, tokenizer) : pieces(text, tokenizer);
  if (texts.length === 0) throw new DeltaError('invalid', `${path} has no text`);
  return texts;
}

function pieces(text: string, tokenizer: Tokenizer): ScoredText[] {
  const tokens = Int32Array.from(tokenizer.encode(text, { addBos: true }));
  const found: ScoredText[] = [];
  for (let at = 0; at < tokens.length; at += SEQUENCE_TOKENS) {
    const part = tokens.slice(at, at + SEQUENCE_TOKENS);
    if (part.length > 1) found.push({ tokens: part, answerAt: 1 });
  }
  return found;
}

function chats(path: string, text: string, tokenizer: Tokenizer): ScoredText[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, index) => {
    const { prompt, answer } = parseLine(line, `${path}:${index + 1}`);
    const user = { role: 'user', content: prompt };
    const given = tokenizer.renderChat([user]);
    const whole = tokenizer.renderChat([user, { role: 'assistant', content: answer }], {
      addGenerationPrompt: false,
    });
    return { tokens: Int32Array.from(whole), answerAt: sharedStart(given, whole) };
  });
}

function parseLine(line: string, at: string): { prompt: string; answer: string } {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw new DeltaError('invalid', `${at} is not JSON`, { cause: error });
  }
  const { prompt, answer } = json as { prompt?: unknown; answer?: unknown };
  if (typeof prompt !== 'string' || typeof answer !== 'string') {
    throw new DeltaError('invalid', `${at} must have the texts prompt and answer`);
  }
  return { prompt, answer };
}

function sharedStart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  return Math.max(1, at);
}
