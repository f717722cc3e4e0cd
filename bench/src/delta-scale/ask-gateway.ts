import { streamedAnswer } from '../stream-timing';

export interface GatewayAsk {
  url: string;
  model: string;
  key: string;
  /** A digest, or `none` for the base. */
  delta: string;
  prompt: string;
  answerTokens: number;
}

/** Milliseconds to the first text of a streamed answer; rejects where it is not whole or of another delta. */
export async function askGateway(ask: GatewayAsk): Promise<number> {
  const headers = { authorization: `Bearer ${ask.key}`, 'x-zen-delta': ask.delta, 'x-zen-quality': 'full' };
  const answer = await streamedAnswer(ask.url, headers, {
    model: ask.model,
    messages: [{ role: 'user', content: ask.prompt }],
    max_tokens: ask.answerTokens,
    ignore_eos: true,
    temperature: 0,
  });
  const answered = answer.headers['x-zen-delta'];
  const right = ask.delta === 'none' || answered === ask.delta;
  if (answer.text.includes('[DONE]') && right) return answer.ttftMs;
  throw new Error(`${answer.status}, delta ${answered}: ${answer.text.slice(-300)}`);
}
