import { type Tokenizer, TokenizerError } from '@zen/tokenizer';
import { invalid } from './thinker-error';

export interface PromptLimits {
  /** Most tokens that leave room for one more. */
  promptTokens: number;
  promptBytes: number;
  hiddenSize: number;
  vocabSize: number;
}

export function checkCount(field: string, count: number, { promptTokens }: PromptLimits): void {
  if (count > promptTokens) throw invalid(field, `${count} positions, limit ${promptTokens}`);
}

export function checkBytes(field: string, bytes: number, tokenizer: Tokenizer, limits: PromptLimits): void {
  if (bytes > limits.promptBytes) throw invalid(field, `${bytes} bytes, limit ${limits.promptBytes}`);
  const atLeast = Math.ceil(bytes / tokenizer.maxTokenBytes);
  if (atLeast > limits.promptTokens) {
    throw invalid(field, `at least ${atLeast} tokens, limit ${limits.promptTokens}`);
  }
}

/** A tokenizer's refusal under the field's name. */
export function naming<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TokenizerError && (error.failure === 'too-long' || error.failure === 'bad-chat')) {
      throw invalid(field, error.message);
    }
    throw error;
  }
}
