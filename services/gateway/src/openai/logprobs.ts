import type { TokenLogprob } from '@zen/contracts';

interface ChatToken {
  token: string;
  logprob: number;
  bytes: number[];
}

interface ChatTokenWithTop extends ChatToken {
  top_logprobs: ChatToken[];
}

export interface ChatLogprobs {
  content: ChatTokenWithTop[];
  refusal: null;
}

/** What the older route reports; offsets count UTF-16 units of the answer, prompt not included. */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: number[];
  top_logprobs: Record<string, number>[];
  text_offset: number[];
}

/** Lowest figure that JSON can carry in place of minus infinity; OpenAI reports the same. */
const NEVER = -9999;

/** A token may be part of a character only: its text then holds U+FFFD, its bytes are exact. */
function text(token: TokenLogprob): string {
  return token.token.toString('utf8');
}

function value(token: TokenLogprob): number {
  return Number.isFinite(token.logprob) ? token.logprob : NEVER;
}

function chatToken(token: TokenLogprob): ChatToken {
  return { token: text(token), logprob: value(token), bytes: [...token.token] };
}

export function chatLogprobs(tokens: readonly TokenLogprob[]): ChatLogprobs {
  const content = tokens.map((token) => ({ ...chatToken(token), top_logprobs: token.top.map(chatToken) }));
  return { content, refusal: null };
}

export function completionLogprobs(tokens: readonly TokenLogprob[], offset: number): CompletionLogprobs {
  const out: CompletionLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
  for (const token of tokens) {
    const shown = text(token);
    out.tokens.push(shown);
    out.token_logprobs.push(value(token));
    out.top_logprobs.push(Object.fromEntries(token.top.map((one) => [text(one), value(one)])));
    out.text_offset.push(offset);
    offset += shown.length;
  }
  return out;
}
