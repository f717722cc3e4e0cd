import { readConfig } from '@zen/config';
import { createLogger } from '@zen/telemetry';
import { PacedThinker } from '@zen/testing';
import OpenAI from 'openai';
import { settings } from './config';
import { type Gateway, startGateway } from './gateway';

export interface Running {
  gateway: Gateway;
  url: string;
  openai: OpenAI;
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
}

/** A gateway in this process before the given thinkers, connected to all of them. */
export async function openGateway(
  thinkers: PacedThinker[],
  env: Record<string, string> = {},
): Promise<Running> {
  const addresses = await Promise.all(thinkers.map((thinker) => thinker.start()));
  const config = readConfig(settings, {
    ZEN_LISTEN: '127.0.0.1:0',
    ZEN_GRPC_LISTEN: '127.0.0.1:0',
    ZEN_THINKERS: addresses.join(','),
    ZEN_GRACE: '200ms',
    ZEN_WATCH_INTERVAL: '50ms',
    ...env,
  });
  const gateway = await startGateway(config, createLogger('gateway', 'silent'));
  const url = `http://${gateway.httpAddress}`;
  await until('every thinker is connected', async () => {
    const body = (await (await fetch(`${url}/readyz`)).json()) as { replicas: { up: number } };
    return body.replicas.up === thinkers.length;
  });
  return {
    gateway,
    url,
    openai: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }),
    post: (path, body, init = {}) =>
      fetch(url + path, {
        method: 'POST',
        body:
          typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', ...init.headers },
      }),
    stop: async () => {
      await gateway.stop();
      await Promise.all(thinkers.map((thinker) => thinker.stop()));
    },
  };
}

/** Waits for a condition; the test fails by its name when it does not come about. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`did not come about: ${what}`);
}

export function chatOf(content: string, more: object = {}) {
  return { model: 'paced', messages: [{ role: 'user' as const, content }], ...more };
}

/** Data of each event of a streamed body. */
export async function eventsOf(response: Response): Promise<string[]> {
  const text = await response.text();
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => frame.replace(/^(id: .*\n)?data: /, ''));
}

export { PacedThinker };
