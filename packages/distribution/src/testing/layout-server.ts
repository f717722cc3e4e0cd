import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

/** One request for a blob or another file. */
export interface Asked {
  path: string;
  /** The range asked for, or null for the whole. */
  range: { from: number; to: number } | null;
  authorization: string | null;
}

/** Deals with a request in its own way and returns true, or lets it be served. `count` numbers requests from 1. */
export type Fault = (asked: Asked, response: ServerResponse, count: number, content: Buffer) => boolean;

export interface LayoutServer {
  /** Address of the layout, without a slash at the end. */
  url: string;
  /** In order. */
  asked: Asked[];
  /** Bytes of bodies handed to the network. */
  bytesSent: number;
  fault: Fault | null;
  /** Serves files without ranges. */
  wholeOnly: boolean;
  /** Pieces of this size with a pause between them, or null. */
  slow: { bytes: number; pauseMs: number } | null;
  close(): Promise<void>;
}

/** Serves a folder on a free port of the own machine, well or badly. */
export async function serveLayout(folder: string): Promise<LayoutServer> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const state: LayoutServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/layout`,
    asked: [],
    bytesSent: 0,
    fault: null,
    wholeOnly: false,
    slow: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = normalize(request.url ?? '').replace(/^\/layout\//, '');
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const range = match ? { from: Number(match[1]), to: Number(match[2]) } : null;
    const asked = { path, range, authorization: request.headers.authorization ?? null };
    state.asked.push(asked);
    let content: Buffer;
    try {
      content = readFileSync(join(folder, path));
    } catch {
      content = Buffer.alloc(0);
      if (!state.fault) return void response.writeHead(404).end();
    }
    if (state.fault?.(asked, response, state.asked.length, content)) return;
    const part = range && !state.wholeOnly ? content.subarray(range.from, range.to + 1) : content;
    response.setHeader('content-length', part.length);
    if (part !== content || (range && !state.wholeOnly)) {
      response.setHeader(
        'content-range',
        `bytes ${range!.from}-${range!.from + part.length - 1}/${content.length}`,
      );
      response.writeHead(206);
    } else {
      response.writeHead(200);
    }
    const { bytes, pauseMs } = state.slow ?? { bytes: 64 * 1024, pauseMs: 0 };
    for (let at = 0; at < part.length && !response.destroyed; at += bytes) {
      const piece = part.subarray(at, at + bytes);
      state.bytesSent += piece.length;
      if (!response.write(piece)) {
        await new Promise<void>((resolve) => {
          const go = () => {
            response.off('drain', go).off('close', go);
            resolve();
          };
          response.on('drain', go).on('close', go);
        });
      }
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    response.end();
  }
  return state;
}

/** Requests for ranges of stage blobs, as "blob:from-to", in order. */
export function rangesAsked(server: LayoutServer): string[] {
  return server.asked.flatMap(({ path, range }) => (range ? [`${path}:${range.from}-${range.to}`] : []));
}
