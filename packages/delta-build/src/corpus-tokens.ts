import { type CorpusPart, readCorpus } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';

/** Longest sequence in tokens: longer texts are cut. */
export const SEQUENCE_TOKENS = 512;
/** Shorter rests of a text are left out. */
const LEAST_TOKENS = 16;

export interface CorpusSequence {
  kind: string;
  tokens: Int32Array;
}

/** The texts of a part as token sequences, chats rendered with the model's own template. */
export async function corpusTokens(part: CorpusPart, spec: unknown): Promise<CorpusSequence[]> {
  const tokenizer = Tokenizer.from(spec as TokenizerSpec);
  const sequences: CorpusSequence[] = [];
  for (const text of await readCorpus(part)) {
    if ('text' in text) {
      const tokens = tokenizer.encode(text.text, { addBos: true });
      for (let at = 0; at < tokens.length; at += SEQUENCE_TOKENS) {
        sequences.push({ kind: text.kind, tokens: tokens.slice(at, at + SEQUENCE_TOKENS) });
      }
    } else {
      const messages = [
        { role: 'user', content: text.prompt },
        { role: 'assistant', content: text.answer },
      ];
      const tokens = tokenizer.hasChatTemplate
        ? tokenizer.renderChat(messages, { addGenerationPrompt: false })
        : tokenizer.encode(`${text.prompt}\n\n${text.answer}`, { addBos: true });
      sequences.push({ kind: `generated ${text.kind}`, tokens: tokens.slice(0, SEQUENCE_TOKENS) });
    }
  }
  return sequences.filter(({ tokens }) => tokens.length >= LEAST_TOKENS);
}

/** Every n-th sequence, so that about `budget` tokens remain and every kind is still there. */
export function thin(sequences: CorpusSequence[], budget: number): Int32Array[] {
  const total = sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const step = Math.max(1, Math.round(total / budget));
  return sequences.filter((_, index) => index % step === 0).map(({ tokens }) => tokens);
}

/** Rendered prompts that ask for JSON, of both parts: answers are judged by whether they parse. */
export async function jsonPrompts(spec: unknown): Promise<Int32Array[]> {
  const tokenizer = Tokenizer.from(spec as TokenizerSpec);
  if (!tokenizer.hasChatTemplate) return [];
  const texts = [...(await readCorpus('evaluation')), ...(await readCorpus('calibration'))];
  return texts
    .filter((text) => 'prompt' in text && text.kind.startsWith('json'))
    .map((text) => tokenizer.renderChat([{ role: 'user', content: (text as { prompt: string }).prompt }]));
}
