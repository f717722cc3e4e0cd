import type { AnswerPiece } from '../answer/answer';
import type { SpeechInput } from './unsaid-text';

/** A stretch of tokens that makes a stretch of text; the ends of both, from the answer's beginning. */
interface Said {
  tokens: number;
  text: number;
}

/**
 * What of an answer is spoken: its text, or for a voice that reads tokens those, and the text that they make. A call of a
 * tool is not spoken; tokens of a character that is not whole yet wait for the rest of it.
 */
export class SaidAnswer {
  private waiting: number[] = [];
  private readonly said: Said[] = [];
  private tokens = 0;
  private text = 0;

  constructor(private readonly takesTokens: boolean) {}

  /** The next piece; returns what is to be said of it, which may be empty. */
  push({ text, tokenIds, calls = [] }: Pick<AnswerPiece, 'text' | 'tokenIds' | 'calls'>): SpeechInput {
    if (!this.takesTokens) return text;
    this.waiting.push(...tokenIds);
    if (text === '') {
      if (calls.length > 0) this.waiting = [];
      return [];
    }
    const ids = this.waiting;
    this.waiting = [];
    this.tokens += ids.length;
    this.text += text.length;
    this.said.push({ tokens: this.tokens, text: this.text });
    return ids;
  }

  /** UTF-16 units of the answer up to an offset of what is said; of tokens to the end of the last whole piece. */
  textAt(offset: number): number {
    if (!this.takesTokens) return offset;
    return this.said.findLast((one) => one.tokens <= offset)?.text ?? 0;
  }
}
