import { TokenizerError } from './tokenizer-error';

/** Token ids that grow at their end, up to a limit. */
export class IdBuffer {
  private ids = new Int32Array(256);
  private length = 0;

  constructor(private readonly maxTokens: number) {}

  push(more: ArrayLike<number>): void {
    const needed = this.length + more.length;
    if (needed > this.maxTokens) {
      throw new TokenizerError('too-long', `the text has more than ${this.maxTokens} tokens`);
    }
    if (needed > this.ids.length) {
      const grown = new Int32Array(Math.max(needed, this.ids.length * 2));
      grown.set(this.ids.subarray(0, this.length));
      this.ids = grown;
    }
    this.ids.set(more, this.length);
    this.length = needed;
  }

  /** A copy of what was pushed. */
  take(): Int32Array {
    return this.ids.slice(0, this.length);
  }
}
