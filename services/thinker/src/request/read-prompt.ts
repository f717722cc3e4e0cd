import type { Prompt } from '@zen/batching';
import type { GenerateRequest } from '@zen/contracts';
import type { Tokenizer } from '@zen/tokenizer';
import { checkBytes, checkCount, naming, type PromptLimits } from './prompt-limits';
import { renderChat } from './read-chat';
import { readEmbeddings } from './read-embeddings';
import { checkId } from './read-sampling';
import { invalid } from './thinker-error';

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
      return readEmbeddings(prompt.value, limits);
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
