import type { Prompt } from '@zen/batching';
import type { ChatPrompt, GenerateRequest } from '@zen/contracts';
import { type Tokenizer, TokenizerError } from '@zen/tokenizer';
import { checkId } from './read-sampling';
import { invalid } from './thinker-error';

export interface PromptLimits {
  /** Most tokens that leave room for one more. */
  promptTokens: number;
  promptBytes: number;
  hiddenSize: number;
  vocabSize: number;
}

const ROLES = new Set(['system', 'developer', 'user', 'assistant', 'tool']);

/** The prompt as tokens or embeddings. Text is measured before it is tokenized, and tokenizing stops at the limit. */
export function readPrompt(
  prompt: GenerateRequest['prompt'],
  tokenizer: Tokenizer,
  limits: PromptLimits,
): Prompt {
  switch (prompt?.$case) {
    case undefined:
      throw invalid('prompt', 'one of chat, text, tokens and embeddings is needed');
    case 'text':
      return { kind: 'tokens', tokens: encodeText(prompt.value, tokenizer, limits) };
    case 'chat':
      return { kind: 'tokens', tokens: renderChat(prompt.value, tokenizer, limits) };
    case 'tokens': {
      const { tokenIds } = prompt.value;
      checkCount('tokens', tokenIds.length, limits);
      for (const id of tokenIds) checkId('tokens.token_ids', id, limits.vocabSize);
      return { kind: 'tokens', tokens: Int32Array.from(tokenIds) };
    }
    case 'embeddings':
      return readEmbeddings(prompt.value.rows, limits);
  }
}

export function encodeText(
  text: string,
  tokenizer: Tokenizer,
  limits: PromptLimits,
  parseSpecial = false,
): Int32Array {
  checkBytes('text', Buffer.byteLength(text), tokenizer, limits);
  const maxTokens = limits.promptTokens;
  return naming('text', () => tokenizer.encode(text, { addBos: true, parseSpecial, maxTokens }));
}

export function renderChat({ messages }: ChatPrompt, tokenizer: Tokenizer, limits: PromptLimits): Int32Array {
  if (messages.length === 0) throw invalid('chat.messages', '0 messages, must be at least 1');
  let size = 0;
  for (const [i, { role, content }] of messages.entries()) {
    if (!ROLES.has(role))
      throw invalid(`chat.messages[${i}].role`, `must be one of ${[...ROLES].join(', ')}`);
    size += Buffer.byteLength(content);
  }
  checkBytes('chat', size, tokenizer, limits);
  const maxTokens = limits.promptTokens;
  return naming('chat', () =>
    tokenizer.renderChat(
      messages.map(({ role, content }) => ({ role, content })),
      { maxTokens },
    ),
  );
}

function readEmbeddings(rows: Uint8Array, limits: PromptLimits): Prompt {
  const width = limits.hiddenSize;
  if (rows.byteLength % (4 * width) !== 0) {
    throw invalid(
      'embeddings.rows',
      `${rows.byteLength} bytes, must be a multiple of ${4 * width} (${width} float32)`,
    );
  }
  checkCount('embeddings', rows.byteLength / (4 * width), limits);
  // A copy, because the message's own memory need not be aligned to 4 bytes.
  const values = new Float32Array(new Uint8Array(rows).buffer);
  if (!values.every(Number.isFinite)) throw invalid('embeddings.rows', 'a value is not finite');
  return { kind: 'embeddings', rows: values, width };
}

function checkCount(field: string, count: number, { promptTokens }: PromptLimits): void {
  if (count > promptTokens) throw invalid(field, `${count} positions, limit ${promptTokens}`);
}

function checkBytes(field: string, bytes: number, tokenizer: Tokenizer, limits: PromptLimits): void {
  if (bytes > limits.promptBytes) throw invalid(field, `${bytes} bytes, limit ${limits.promptBytes}`);
  const atLeast = Math.ceil(bytes / tokenizer.maxTokenBytes);
  if (atLeast > limits.promptTokens) {
    throw invalid(field, `at least ${atLeast} tokens, limit ${limits.promptTokens}`);
  }
}

/** A tokenizer's refusal under the field's name. */
function naming<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TokenizerError && (error.failure === 'too-long' || error.failure === 'bad-chat')) {
      throw invalid(field, error.message);
    }
    throw error;
  }
}
