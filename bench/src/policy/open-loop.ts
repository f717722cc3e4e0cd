import { request as httpRequest } from 'node:http';
import type { Rung } from '@zen/quality';
import { agent } from '../stream-timing';
import { PROMPT_TEXT } from '../subjects';
import type { Arrival } from './load-shapes';
import type { Served } from './score';

/** How a policy asks: which model, which headers. `inFlight`: its own requests that have not ended. */
export type Asker = (inFlight: number) => { model: string; headers: Record<string, string> };

const WORDS = PROMPT_TEXT.split(/\s+/);
/** Loads played so far. */
let plays = 0;

/**
 * Plays a load against a real server: every request goes out at its time, whether or not others were answered.
 * Resolves once the last answer has ended.
 */
export async function playLoad(
  url: string,
  arrivals: readonly Arrival[],
  asker: Asker,
  worthOf: (rung: Rung) => number | null,
): Promise<Served[]> {
  const started = performance.now();
  const play = ++plays;
  let inFlight = 0;
  const answers = arrivals.map(async (arrival, at) => {
    const waitMs = arrival.atMs - (performance.now() - started);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const { model, headers } = asker(inFlight);
    inFlight++;
    try {
      const answer = await ask(url, model, headers, arrival, play, at);
      return { ...arrival, ...answer, worth: answer.rung && worthOf(answer.rung) };
    } finally {
      inFlight--;
    }
  });
  return Promise.all(answers);
}

type Answered = Pick<Served, 'rung' | 'ttftMs' | 'tpotMs'>;

function ask(
  url: string,
  model: string,
  headers: Record<string, string>,
  { promptTokens, answerTokens }: Arrival,
  play: number,
  at: number,
): Promise<Answered> {
  const body = JSON.stringify({
    model,
    messages: [{ role: 'user', content: promptOf(promptTokens, play, at) }],
    max_tokens: answerTokens,
    ignore_eos: true,
    temperature: 0.7,
    seed: at,
    stream: true,
  });
  const startedMs = performance.now();
  let firstMs = 0;
  let lastMs = 0;
  return new Promise((resolve, reject) => {
    const type = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = { method: 'POST', headers: { ...type, ...headers }, agent };
    const request = httpRequest(`${url}/v1/chat/completions`, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (!chunk.includes('"content":"') && !chunk.includes('finish_reason":"')) return;
        lastMs = performance.now();
        if (firstMs === 0) firstMs = lastMs;
      });
      response.once('error', reject).once('end', () => {
        if (response.statusCode === 429 || response.statusCode === 503) {
          resolve({ rung: null, ttftMs: null, tpotMs: null });
        } else if (response.statusCode !== 200 || !text.includes('[DONE]')) {
          reject(new Error(`${response.statusCode}: ${text.slice(-300)}`));
        } else {
          const rung = {
            model: String(response.headers['x-zen-model']),
            stage: Number(response.headers['x-zen-stage']),
          };
          const tpotMs = answerTokens > 1 ? (lastMs - firstMs) / (answerTokens - 1) : 0;
          resolve({ rung, ttftMs: firstMs - startedMs, tpotMs });
        }
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}

/**
 * About as many tokens as asked for, different ones for each request and each time that a load is played: else whoever
 * plays it second finds its prompts computed already.
 */
function promptOf(tokens: number, play: number, at: number): string {
  const words = Math.max(1, Math.round(tokens / 1.3) - 12);
  const first = (at * 37) % (WORDS.length - words - 1);
  return `${play} ${at}: ${WORDS.slice(first, first + words).join(' ')}`;
}
