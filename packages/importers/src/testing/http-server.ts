import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestServer {
  /** Without a slash at the end. */
  url: string;
  /** Every request in order, with its Range header. */
  requests: { path: string; range: string | null; authorization: string | null }[];
  close(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server on a free port of the own machine; `count` numbers the requests from 1. */
export async function startServer(handler: Handler): Promise<TestServer> {
  const requests: TestServer['requests'] = [];
  const server = createServer((request, response) => {
    const { range = null, authorization = null } = request.headers;
    requests.push({ path: request.url ?? '', range, authorization });
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface ServeOptions {
  etag?: string | null;
  ranges?: boolean;
  /** Breaks the connection after so many bytes of the body. */
  dropAfter?: number;
  /** Sends pieces of this size with a pause between them. */
  slow?: { bytes: number; pauseMs: number };
}

/** Sends content like a well-behaved file server, or not so well. */
export function serve(
  request: IncomingMessage,
  response: ServerResponse,
  content: Uint8Array,
  options: ServeOptions = {},
): void {
  const { etag = '"v1"', ranges = true } = options;
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const same = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  const from = ranges && match && same ? Number(match[1]) : 0;
  if (etag !== null) response.setHeader('etag', etag);
  if (match && ranges && from >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  const body = content.subarray(from);
  response.setHeader('content-length', body.length);
  if (from > 0) response.setHeader('content-range', `bytes ${from}-${content.length - 1}/${content.length}`);
  response.writeHead(from > 0 ? 206 : 200);
  if (options.dropAfter !== undefined && options.dropAfter < body.length) {
    response.write(body.subarray(0, options.dropAfter), () => setTimeout(() => response.destroy(), 50));
  } else if (options.slow) {
    void sendSlowly(response, body, options.slow);
  } else {
    response.end(body);
  }
}

async function sendSlowly(
  response: ServerResponse,
  body: Uint8Array,
  { bytes, pauseMs }: { bytes: number; pauseMs: number },
): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += bytes) {
    response.write(body.subarray(at, at + bytes));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  response.end();
}
