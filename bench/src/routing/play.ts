import { median, quantile } from '../report';
import { streamedAnswer } from '../stream-timing';
import type { ChatAsk } from './requests';

/** What a load saw of one policy. */
export interface Played {
  ttftP50Ms: number;
  ttftP95Ms: number;
  perSecond: number;
  /** Of the prompts' tokens, 0 to 1. */
  cachedShare: number;
  /** Answers by why their replica was chosen. */
  routes: Record<string, number>;
}

export interface PlayOptions {
  url: string;
  model: string;
  answerTokens: number;
  /** Clients that ask the next one as soon as they have an answer. */
  clients: number;
}

/** Asks everything, with so many clients at once; rejects if a single answer fails. */
export async function play(asks: readonly ChatAsk[], options: PlayOptions): Promise<Played> {
  const queue = [...asks];
  const answers: Answered[] = [];
  const startedMs = performance.now();
  const client = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) answers.push(await ask(next, options));
  };
  await Promise.all([...Array(options.clients)].map(client));
  const ttfts = answers.map(({ ttftMs }) => ttftMs);
  const sum = (of: (answer: Answered) => number) => answers.reduce((total, one) => total + of(one), 0);
  const routes: Record<string, number> = {};
  for (const { route } of answers) routes[route] = (routes[route] ?? 0) + 1;
  return {
    ttftP50Ms: median(ttfts),
    ttftP95Ms: quantile(ttfts, 0.95),
    perSecond: (answers.length * 1000) / (performance.now() - startedMs),
    cachedShare: sum(({ cached }) => cached) / sum(({ prompt }) => prompt),
    routes,
  };
}

interface Answered {
  ttftMs: number;
  prompt: number;
  cached: number;
  route: string;
}

async function ask(
  { system, question }: ChatAsk,
  { url, model, answerTokens }: PlayOptions,
): Promise<Answered> {
  // The stage stays the same whatever the load, so that only the replica makes the difference.
  const { status, headers, text, ttftMs } = await streamedAnswer(
    url,
    { 'x-zen-quality': 'full' },
    {
      model,
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: question },
      ],
      max_tokens: answerTokens,
      ignore_eos: true,
      temperature: 0,
      stream_options: { include_usage: true },
    },
  );
  const usage = /"prompt_tokens":(\d+).*"cached_tokens":(\d+)/.exec(text);
  if (!usage || !text.includes('[DONE]')) throw new Error(`${status}: ${text.slice(-300)}`);
  const route = String(headers['x-zen-route']);
  return { ttftMs, prompt: Number(usage[1]), cached: Number(usage[2]), route };
}
