import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a real API server and the network before it do once in a while. */
export const FAULTS = [
  'conflict',
  'too many requests',
  'server error',
  'cut before',
  'cut after',
  'expired',
  'watch cut',
  'twice',
  'old list',
] as const;
export type Fault = (typeof FAULTS)[number];

const REFUSALS: Partial<Record<Fault, number>> = {
  conflict: 409,
  'too many requests': 429,
  'server error': 500,
};
const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Passes requests on to a real API server (plain HTTP, such as that of `kubectl proxy`), and does wrong to many. */
export class FaultProxy {
  readonly done = new Map<Fault, number>(FAULTS.map((fault) => [fault, 0]));
  /** One in so many requests that a fault fits goes wrong; 0 for none. */
  oneIn = 0;
  private readonly lists = new Map<string, string>();
  private count = 0;
  private server: Server | undefined;

  constructor(private readonly target: string) {}

  /** Resolves with its own `http://host:port`. */
  async start(): Promise<string> {
    const server = createServer((request, response) => this.pass(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.server = server;
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  private pass(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '' } = request;
    const fault = this.choose(method, url);
    if (fault) this.done.set(fault, (this.done.get(fault) ?? 0) + 1);
    const status = fault && REFUSALS[fault];
    if (status) {
      request.resume();
      const headers: Record<string, string> = status === 429 ? { 'retry-after': '1' } : {};
      response.writeHead(status, headers).end(JSON.stringify({ message: `injected: ${fault}` }));
      return;
    }
    if (fault === 'cut before') {
      request.socket.destroy();
      return;
    }
    const old = this.lists.get(url);
    if (fault === 'old list' && old !== undefined) {
      request.resume();
      response.end(old);
      return;
    }
    const sent = httpRequest(
      new URL(url, this.target),
      { method, headers: { ...request.headers, host: new URL(this.target).host } },
      (answer) => this.answer(fault, url, answer, response),
    );
    sent.on('error', () => response.destroy());
    response.on('close', () => sent.destroy());
    request.pipe(sent);
  }

  private answer(
    fault: Fault | undefined,
    url: string,
    answer: IncomingMessage,
    response: ServerResponse,
  ): void {
    answer.on('error', () => response.destroy());
    if (fault === 'cut after') {
      // It came through, and nobody hears of it.
      answer.resume().on('end', () => response.destroy());
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (!isWatch(url)) {
      if (!isList(url)) {
        answer.pipe(response);
        return;
      }
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => {
        if (answer.statusCode === 200 && !this.lists.has(url)) this.lists.set(url, text);
        response.end(text);
      });
      return;
    }
    response.flushHeaders();
    if (fault === 'expired') {
      const object = { kind: 'Status', code: 410, message: 'injected: expired' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    answer.on('data', (chunk: Buffer) => {
      response.write(chunk);
      if (fault === 'twice' && chunk.at(-1) === 10) response.write(chunk);
      if (fault === 'watch cut') response.destroy();
    });
    answer.on('end', () => response.end());
  }

  /** In turn, among those that fit, so that each of them comes. */
  private choose(method: string, url: string): Fault | undefined {
    if (this.oneIn === 0 || ++this.count % this.oneIn !== 0) return undefined;
    const fits = FAULTS.filter((fault) => {
      if (isWatch(url))
        return ['too many requests', 'cut before', 'expired', 'watch cut', 'twice'].includes(fault);
      if (WRITES.has(method)) return !['expired', 'watch cut', 'twice', 'old list'].includes(fault);
      return fault === 'old list' ? this.lists.has(url) : ['server error', 'cut before'].includes(fault);
    });
    return fits.sort((a, b) => (this.done.get(a) ?? 0) - (this.done.get(b) ?? 0))[0];
  }
}

const isWatch = (url: string) => url.includes('watch=true');
const isList = (url: string) => url.includes('limit=');
