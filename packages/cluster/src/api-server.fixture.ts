import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ApiServer } from './api-server';
import type { EndpointSlice } from './endpoints';

/** Speaks list and watch over real HTTP, and fails as it is told: what a real API server does only once in a while. */
export class FaultyApiServer {
  readonly slices = new Map<string, EndpointSlice>();
  readonly lists: URL[] = [];
  readonly watches: URL[] = [];
  readonly tokens: (string | undefined)[] = [];
  /** Answers a request in the server's place; returns whether it did. */
  fault: (url: URL, response: ServerResponse) => boolean = () => false;
  token = 'first';
  version = 100;
  private readonly open = new Set<ServerResponse>();
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private port = 0;

  async start(): Promise<void> {
    const server = createServer((request, response) => this.answer(request, response));
    server.on('connection', (socket) =>
      this.sockets.add(socket.once('close', () => this.sockets.delete(socket))),
    );
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Cuts every connection and listens no more. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server?.close(resolve));
    this.cut();
    await closed;
  }

  get about(): ApiServer {
    return {
      url: `http://127.0.0.1:${this.port}`,
      token: () => this.token,
      authority: () => undefined,
      namespace: 'zen',
    };
  }

  get watching(): number {
    return this.open.size;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Ends running watches as a real one does after `timeoutSeconds`. */
  endWatches(): void {
    for (const response of this.open) response.end();
  }

  /** A slice with these ready addresses; tells the watchers. */
  put(name: string, ...addresses: string[]): void {
    const type = this.slices.has(name) ? 'MODIFIED' : 'ADDED';
    this.slices.set(name, this.slice(name, addresses));
    this.send({ type, object: this.slices.get(name) });
  }

  remove(name: string): void {
    const object = { metadata: { name, resourceVersion: String(++this.version) } };
    this.slices.delete(name);
    this.send({ type: 'DELETED', object });
  }

  slice(name: string, addresses: string[], version = ++this.version): EndpointSlice {
    return {
      metadata: { name, resourceVersion: String(version) },
      ports: [{ name: 'grpc', port: 1 }],
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    };
  }

  send(event: object): void {
    this.raw(`${JSON.stringify(event)}\n`);
  }

  raw(text: string): void {
    for (const response of this.open) response.write(text);
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://server');
    const watch = url.searchParams.has('watch');
    (watch ? this.watches : this.lists).push(url);
    this.tokens.push(request.headers.authorization);
    if (this.fault(url, response)) return;
    if (!watch) {
      const at = Number(url.searchParams.get('continue') ?? 0);
      const all = [...this.slices.values()];
      // Pages of two, so that following them is part of every test.
      const more = at + 2 < all.length ? String(at + 2) : '';
      const metadata = { resourceVersion: String(this.version), continue: more };
      response.end(JSON.stringify({ metadata, items: all.slice(at, at + 2) }));
      return;
    }
    response.writeHead(200).flushHeaders();
    this.open.add(response);
    response.once('close', () => this.open.delete(response));
  }
}
