import type { ChatMessage, ChatPrompt, GenerateRequest } from '@zen/contracts';

/** Least weight of the newest request in a running mean. */
const NEWEST = 0.05;
/** What a chat template adds around a message, bytes; only an estimate depends on it. */
const TEMPLATE_BYTES = 16;

/** Starts from a guess that counts as one value: a few requests tell more than what chats are like elsewhere. */
class RunningMean {
  private count = 1;

  constructor(public value: number) {}

  add(value: number): void {
    this.count++;
    this.value += Math.max(NEWEST, 1 / this.count) * (value - this.value);
  }
}

/** What a model's requests are like, as running means that start from ordinary chat. */
export class Traffic {
  private readonly promptTokens = new RunningMean(128);
  private readonly answerTokens = new RunningMean(128);
  private readonly bytesPerToken = new RunningMean(4);

  /** Tokens of a prompt that have to be computed: those that a replica has in its cache cost nothing. */
  get meanPromptTokens(): number {
    return this.promptTokens.value;
  }

  get meanAnswerTokens(): number {
    return this.answerTokens.value;
  }

  /** Tokens of a prompt, estimated from its bytes: the gateway has no tokenizer. */
  estimate(prompt: NonNullable<GenerateRequest['prompt']>): number {
    if (prompt.$case === 'tokens') return prompt.value.tokenIds.length;
    return Math.ceil(promptBytes(prompt) / this.bytesPerToken.value);
  }

  /** `cachedTokens` of them had been computed before. */
  prompted(bytes: number, tokens: number, cachedTokens: number): void {
    this.promptTokens.add(tokens - cachedTokens);
    if (bytes > 0 && tokens > 0) this.bytesPerToken.add(bytes / tokens);
  }

  answered(tokens: number): void {
    this.answerTokens.add(tokens);
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
