import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { type AppParts, appModule } from '../app.module';
import { addArtifacts } from '../artifacts/artifact-routes';
import { ArtifactShelf } from '../artifacts/artifact-shelf';
import { type GatewayConfig, hostOf, portOf } from '../config';
import { GatewayError } from '../gateway-error';
import { httpError } from '../openai/error-body';
import { ErrorFilter } from './error.filter';
import { addVisits } from './visits';

/** Connections that may wait to be accepted: bursts are what this server is for. */
const BACKLOG = 4096;
/** Longest time for a request to arrive whole, but for files: those have to keep coming. */
const RECEIVE_TIMEOUT_MS = 60_000;
const FILE_TIMEOUT_MS = 6 * 3_600_000;
const FILE_TYPE = 'application/octet-stream';
const FORM_TYPE = 'multipart/form-data';
const FORM_ROUTES = new Set(['/v1/audio/transcriptions', '/v1/audio/translations']);
const FILE_ROUTES = new Set(['/v1/deltas', '/v1/deltas/builds', ...FORM_ROUTES]);
const KEEP_ALIVE_MS = 75_000;

export interface HttpServer {
  address: string;
  /** Accepts nothing new and resolves when the last connection is done. */
  close(): Promise<void>;
  /** Cuts what is left. */
  cut(): void;
}

export async function startHttp(
  config: GatewayConfig,
  parts: AppParts,
  /** Takes connections that become WebSockets. */
  listenForSockets: (server: Server) => void,
): Promise<HttpServer> {
  const adapter = new FastifyAdapter({
    bodyLimit: config.maxBodyBytes,
    http: { maxHeaderSize: config.maxHeaderBytes },
    // Node knows one time for all requests; `limitArrival` keeps those that are no files to their own.
    requestTimeout: FILE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    clientErrorHandler: (error, socket) => refuseUnreadable(error, socket, config.maxHeaderBytes),
  });
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  // JSON alone, and as bytes: a form or a plain text would be a request that any web page can send unasked.
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) =>
    done(null, body),
  );
  // Files go on to where they belong as they come. No web page can send one unasked either.
  fastify.addContentTypeParser(FILE_TYPE, (_, body, done) => done(null, body));
  // A page could send a form: the routes that take one look where it comes from.
  fastify.addContentTypeParser(FORM_TYPE, ({ routeOptions }, body, done) => {
    if (FORM_ROUTES.has(routeOptions.url ?? '')) done(null, body);
    else done(new GatewayError('unsupported_media_type', 'content-type: no form is taken here'));
  });
  limitArrival(fastify, config.maxHeaderBytes);
  addVisits(fastify, parts.gate);
  addArtifacts(fastify, new ArtifactShelf(config.artifacts), config.stallMs);
  const app = await NestFactory.create<NestFastifyApplication>(appModule(parts), adapter, {
    logger: false,
    bodyParser: false,
  });
  app.useGlobalFilters(new ErrorFilter(config.maxBodyBytes));
  if (config.corsOrigins.length > 0) app.enableCors(corsOf(config.corsOrigins));
  await app.init();
  listenForSockets(fastify.server as Server);
  const host = hostOf(config.listen).replace(/^\[|\]$/g, '');
  await fastify.listen({ host, port: portOf(config.listen), backlog: BACKLOG });
  const { port } = fastify.server.address() as AddressInfo;
  return {
    address: `${hostOf(config.listen)}:${port}`,
    close: () => app.close(),
    cut: () => fastify.server.closeAllConnections(),
  };
}

/**
 * A body that does not arrive in time is refused and its connection cut; so is one that nobody reads any more because
 * its request has been answered. A file may take its time while it is read: see `uploadOf`.
 */
function limitArrival(fastify: FastifyInstance, maxHeaderBytes: number): void {
  fastify.addHook('onRequest', async ({ raw, headers, routeOptions }, reply) => {
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
    if (!hasBody) return;
    const { socket } = raw;
    let timer: NodeJS.Timeout | undefined;
    const limit = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (raw.complete) return;
        if (!reply.raw.headersSent) refuseUnreadable(new Error('late'), socket, maxHeaderBytes);
        socket.destroySoon();
      }, RECEIVE_TIMEOUT_MS).unref();
    };
    if (FILE_ROUTES.has(routeOptions.url ?? '')) reply.raw.once('finish', limit);
    else limit();
    raw.once('close', () => clearTimeout(timer));
  });
}

function corsOf(origin: string[]) {
  const exposedHeaders = [
    'x-request-id',
    'x-zen-model',
    'x-zen-stage',
    'x-zen-stage-reason',
    'x-zen-quality',
    'x-zen-delta',
    'x-zen-voice',
    'x-zen-voice-quality',
    'retry-after',
  ];
  return { origin, methods: ['GET', 'POST'], exposedHeaders, maxAge: 600 };
}

/** What Node's parser refuses never becomes a request; it gets an answer in the same shape all the same. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket, maxHeaderBytes: number): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const message = tooLarge
    ? `the headers are too large: at most ${maxHeaderBytes} bytes`
    : 'the request is not HTTP';
  const body = JSON.stringify(httpError(new GatewayError('invalid_request', message)).body);
  const status = tooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
