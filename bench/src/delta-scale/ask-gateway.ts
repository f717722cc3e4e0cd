import { request as httpRequest } from 'node:http';
import { agent } from '../stream-timing';

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
export function askGateway(ask: GatewayAsk): Promise<number> {
  const body = JSON.stringify({
    model: ask.model,
    messages: [{ role: 'user', content: ask.prompt }],
    max_tokens: ask.answerTokens,
    ignore_eos: true,
    temperature: 0,
    stream: true,
  });
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${ask.key}`,
    'x-zen-delta': ask.delta,
    'x-zen-quality': 'full',
  };
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers, agent };
    const request = httpRequest(`${ask.url}/v1/chat/completions`, options, (response) => {
      let text = '';
      let ttftMs = Number.NaN;
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (Number.isNaN(ttftMs) && chunk.includes('"content":"')) ttftMs = performance.now() - startedMs;
      });
      response.once('error', reject).once('end', () => {
        const answered = response.headers['x-zen-delta'];
        const right = ask.delta === 'none' || answered === ask.delta;
        if (text.includes('[DONE]') && right) resolve(ttftMs);
        else reject(new Error(`${response.statusCode}, delta ${answered}: ${text.slice(-300)}`));
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}
