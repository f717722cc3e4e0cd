import type { PortForward } from './port-forward';

export interface Answer {
  status: number;
  /** Digest that the response names. */
  delta: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: each call has its own shape.
  json: any;
}

/** HTTP calls to the gateway with an API key; a Buffer is sent as it is, anything else as JSON. */
export function callsAt({ address }: PortForward, key: string) {
  return async (
    method: string,
    path: string,
    body: Buffer | object,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const raw = Buffer.isBuffer(body);
    const response = await fetch(`http://${address}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': raw ? 'application/octet-stream' : 'application/json',
        ...headers,
      },
      body: raw ? new Uint8Array(body) : JSON.stringify(body),
      signal: AbortSignal.timeout(120_000),
    });
    return {
      status: response.status,
      delta: response.headers.get('x-zen-delta'),
      json: await response.json(),
    };
  };
}
