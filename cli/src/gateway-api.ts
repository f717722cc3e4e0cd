import type { Command } from 'commander';

/** Which gateway, and as whom. */
export interface GatewayOptions {
  url: string;
  key?: string;
}

export function withGateway(command: Command): Command {
  return command
    .option('--url <url>', 'gateway', 'http://127.0.0.1:8080')
    .option('--key <key>', 'API key (default: $ZEN_API_KEY)');
}

/** What a gateway refused; `code` is its name for the failure, empty where the answer was not the gateway's own. */
export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A gateway's HTTP API with a key. */
export class GatewayApi {
  constructor(
    private readonly options: GatewayOptions,
    private readonly signal: AbortSignal,
  ) {}

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'content-type': 'application/json' };
    }
    return (await (await this.call(path, init)).json()) as T;
  }

  /** The answer to a request that was taken; throws a GatewayRefusal for any other. */
  async call(path: string, init: RequestInit = {}): Promise<Response> {
    const { url } = this.options;
    const key = this.options.key ?? process.env.ZEN_API_KEY;
    const headers = new Headers(init.headers);
    if (key) headers.set('authorization', `Bearer ${key}`);
    const response = await fetch(new URL(path, url), { signal: this.signal, ...init, headers }).catch(
      (error: Error) => {
        const cause = error.cause instanceof Error ? error.cause.message : error.message;
        throw new Error(`${url}: ${cause}`);
      },
    );
    if (response.ok) return response;
    const text = await response.text();
    let error: { message?: string; code?: string } = {};
    try {
      error = (JSON.parse(text) as { error?: typeof error }).error ?? {};
    } catch {
      // not JSON: the text itself is shown
    }
    const message = error.message ?? text.slice(0, 500);
    throw new GatewayRefusal(
      response.status,
      error.code ?? '',
      `${response.status} from ${path}: ${message}`,
    );
  }
}
