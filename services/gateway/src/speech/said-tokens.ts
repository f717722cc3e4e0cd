import type { AnswerPiece } from '../answer/answer';

/** A stretch of tokens that makes a stretch of text; the ends of both, from the answer's beginning. */
interface Said {
  tokens: number;
  text: number;
}

/**
 * The tokens of an answer that are spoken, and the text that they make. A call of a tool is not spoken; tokens of a
 * character that is not whole yet wait for the rest of it.
 */
export class SaidTokens {
  private waiting: number[] = [];
  private readonly said: Said[] = [];
  private tokens = 0;
  private text = 0;

  /** The next piece; returns what is to be said of it. */
  push({ text, tokenIds, calls = [] }: Pick<AnswerPiece, 'text' | 'tokenIds' | 'calls'>): number[] {
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

  /** UTF-16 units of the answer that its first `tokens` spoken tokens make, to the end of the last whole piece. */
  textAt(tokens: number): number {
    return this.said.findLast((one) => one.tokens <= tokens)?.text ?? 0;
  }
}
