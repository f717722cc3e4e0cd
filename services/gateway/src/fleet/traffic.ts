import type { ChatMessage, ChatPrompt, GenerateRequest } from '@zen/contracts';

/** Weight of the newest request in a running mean. */
const NEWEST = 0.05;
/** What a chat template adds around a message, bytes; only an estimate depends on it. */
const TEMPLATE_BYTES = 16;

/** What a model's requests are like, as running means that start from ordinary chat. */
export class Traffic {
  /** Tokens of a prompt that have to be computed: those that a replica has in its cache cost nothing. */
  meanPromptTokens = 128;
  meanAnswerTokens = 128;
  private bytesPerToken = 4;

  /** Tokens of a prompt, estimated from its bytes: the gateway has no tokenizer. */
  estimate(prompt: NonNullable<GenerateRequest['prompt']>): number {
    if (prompt.$case === 'tokens') return prompt.value.tokenIds.length;
    return Math.ceil(promptBytes(prompt) / this.bytesPerToken);
  }

  /** `cachedTokens` of them had been computed before. */
  prompted(bytes: number, tokens: number, cachedTokens: number): void {
    this.meanPromptTokens += NEWEST * (tokens - cachedTokens - this.meanPromptTokens);
    if (bytes > 0 && tokens > 0) this.bytesPerToken += NEWEST * (bytes / tokens - this.bytesPerToken);
  }

  answered(tokens: number): void {
    this.meanAnswerTokens += NEWEST * (tokens - this.meanAnswerTokens);
  }
}

/** UTF-8 bytes of a prompt's text; 0 for one of tokens. */
export function promptBytes(prompt: NonNullable<GenerateRequest['prompt']>): number {
  switch (prompt.$case) {
    case 'text':
      return Buffer.byteLength(prompt.value);
    case 'chat':
      return chatBytes(prompt.value);
    case 'tokens':
      return 0;
    case 'embeddings':
      return prompt.value.rows.length;
  }
}

function chatBytes({ messages, tools, answerPrefix }: ChatPrompt): number {
  const said = messages.reduce((sum, message) => sum + messageBytes(message) + TEMPLATE_BYTES, 0);
  const offered = tools.reduce(
    (sum, { name, description, parameters }) => sum + bytesOf(name, description, parameters) + TEMPLATE_BYTES,
    0,
  );
  return said + offered + bytesOf(answerPrefix);
}

function messageBytes({ content, toolCalls }: ChatMessage): number {
  return toolCalls.reduce((sum, call) => sum + bytesOf(call.name, call.arguments), bytesOf(content));
}

function bytesOf(...texts: string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
