import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join, normalize } from 'node:path';

const PIECE = 16 * 1024;

/** A folder over HTTP with ranges, as any web server gives it, whose pace and moods a test sets. */
export class FolderServer {
  /** Bytes of bodies written so far. */
  bytesSent = 0;
  /** Bytes a second over all connections, null for as fast as it goes. */
  bytesPerSecond: number | null = null;
  /** A path is answered only once this is false for it. */
  held: (path: string) => boolean = () => false;
  private readonly sockets = new Set<Socket>();
  private released: () => void = () => undefined;
  private nextFreeMs = 0;

  private constructor(
    private readonly folder: string,
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(folder: string, port = 0): Promise<FolderServer> {
    const server = createServer((request, response) => {
      one.answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const one = new FolderServer(
      folder,
      server,
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    server.on('connection', (socket) => {
      one.sockets.add(socket);
      socket.once('close', () => one.sockets.delete(socket));
    });
    return one;
  }

  /** Holds back what `held` says from now on, and lets everything else go. */
  hold(held: (path: string) => boolean): void {
    this.held = held;
    const { released } = this;
    this.released = () => undefined;
    released();
  }

  /** Drops every connection, in the middle of whatever it is doing. */
  cut(): number {
    const count = this.sockets.size;
    for (const socket of this.sockets) socket.destroy();
    return count;
  }

  async stop(): Promise<void> {
    this.hold(() => false);
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = normalize(decodeURIComponent(request.url?.split('?')[0] ?? '/'));
    while (this.held(path) && !response.destroyed) {
      await new Promise<void>((resolve) => {
        const before = this.released;
        this.released = () => {
          before();
          resolve();
        };
        response.once('close', resolve);
      });
    }
    const file = join(this.folder, path);
    const size = await stat(file).then(
      (info) => (info.isFile() ? info.size : null),
      () => null,
    );
    if (size === null) {
      response.writeHead(404).end('not found\n');
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = Math.min(size - 1, range?.[2] ? Number(range[2]) : size - 1);
    response.writeHead(range ? 206 : 200, {
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
    });
    if (request.method === 'HEAD' || end < start) {
      response.end();
      return;
    }
    for await (const piece of createReadStream(file, { start, end, highWaterMark: PIECE })) {
      await this.turn(piece.length);
      if (response.destroyed) return;
      this.bytesSent += piece.length;
      await new Promise<void>((resolve) => response.write(piece, () => resolve()));
    }
    response.end();
  }

  /** Waits until these bytes fit the pace. */
  private async turn(bytes: number): Promise<void> {
    if (this.bytesPerSecond === null) return;
    const now = performance.now();
    // A server that was late makes up for it, as the queue of a link does.
    const at = Math.max(this.nextFreeMs, now - 500);
    this.nextFreeMs = at + (bytes / this.bytesPerSecond) * 1000;
    // Timers are coarse: a few milliseconds ahead go at once.
    if (at - now > 5) await new Promise((resolve) => setTimeout(resolve, at - now));
  }
}
