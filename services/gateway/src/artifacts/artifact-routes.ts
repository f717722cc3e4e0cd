import { open } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Visit } from '../door/visit';
import { GatewayError } from '../gateway-error';
import { visitOf } from '../http/visits';
import { httpError } from '../openai/error-body';
import { type ArtifactShelf, type ShelvedBlob } from './artifact-shelf';
import { byteRange } from './byte-range';

/** What a digest names never changes; who may see it depends on the key. */
const FOR_EVER = 'private, max-age=31536000, immutable';
const LAYOUT = Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' }));

/**
 * `/artifacts/NAME/…`: ladders as OCI image layouts, for clients that download them (`zen pull
 * http://gateway/artifacts/NAME`). Only files that the ladder's own manifest names are served. They count against the
 * key's own limits for artifacts. A reader that takes nothing for `stallMs` is cut off.
 */
export function addArtifacts(fastify: FastifyInstance, shelf: ArtifactShelf, stallMs: number): void {
  fastify.route({
    method: ['GET', 'HEAD'],
    url: '/artifacts/*',
    errorHandler: refuse,
    handler: async (request, reply) => {
      const path = (request.params as { '*': string })['*'];
      const [, name, file, hex] =
        /^(.+?)\/(?:(index\.json|oci-layout)|blobs\/sha256\/([0-9a-f]{64}))$/.exec(path) ?? [];
      const ladder = name === undefined ? null : await shelf.find(name);
      if (!ladder) throw missing();
      const visit = visitOf(request);
      if (!visit) throw new GatewayError('internal', 'the request has no visit');
      reply.raw.setTimeout(stallMs, () => reply.raw.destroy());
      if (file === 'index.json') return sendSmall(request, reply, ladder.index, `"${ladder.digest}"`, visit);
      if (file === 'oci-layout') return sendSmall(request, reply, LAYOUT, '"oci-layout-1.0.0"', visit);
      const blob = ladder.blobs.get(hex!);
      if (!blob) throw missing();
      return sendBlob(request, reply, blob, `"sha256:${hex}"`, visit);
    },
  });
}

/** As everywhere else; errors of a route of its own do not pass through Nest. */
function refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = GatewayError.from(thrown);
  visitOf(request)?.failed(error);
  const { status, headers, body } = httpError(error);
  reply.headers(headers).status(status).send(body);
}

const missing = () => new GatewayError('not_found', 'no such artifact, or no such file in it');

/** A file that may change: asked for again each time, sent again only when it differs. */
async function sendSmall(
  request: FastifyRequest,
  reply: FastifyReply,
  body: Buffer,
  etag: string,
  visit: Visit,
): Promise<FastifyReply> {
  const whole = !matches(request.headers['if-none-match'], etag) && request.method !== 'HEAD';
  await visit.admitArtifact(whole ? body.byteLength : 0);
  reply.headers({ etag, 'cache-control': 'no-cache', 'content-type': 'application/json' });
  if (matches(request.headers['if-none-match'], etag)) return reply.status(304).send();
  reply.header('content-length', body.byteLength);
  return whole ? reply.send(body) : reply.send();
}

async function sendBlob(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: ShelvedBlob,
  etag: string,
  visit: Visit,
): Promise<FastifyReply> {
  reply.headers({ etag, 'cache-control': FOR_EVER, 'accept-ranges': 'bytes' });
  if (matches(request.headers['if-none-match'], etag)) {
    await visit.admitArtifact(0);
    return reply.status(304).send();
  }
  const file = await open(blob.path).catch((cause) => {
    if (cause.code === 'ENOENT') throw missing();
    throw cause;
  });
  try {
    const { size } = await file.stat();
    // Half a file under a digest would be a lie.
    if (blob.bytes !== null && blob.bytes !== size) throw missing();
    const ifRange = request.headers['if-range'];
    const asked = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
    const range = byteRange(asked, size);
    const { from, to } = typeof range === 'object' ? range : { from: 0, to: size - 1 };
    const sent = range === 'none' || request.method === 'HEAD' ? 0 : to - from + 1;
    const admission = await visit.admitArtifact(sent);
    if (range === 'none') {
      await file.close();
      return reply.status(416).header('content-range', `bytes */${size}`).send();
    }
    reply.headers({ 'content-type': blob.mediaType, 'content-length': to - from + 1 });
    if (range !== 'whole') reply.status(206).header('content-range', `bytes ${from}-${to}/${size}`);
    if (sent === 0) {
      await file.close();
      return reply.send();
    }
    const stream = file.createReadStream({ start: from, end: to, highWaterMark: 256 * 1024 });
    // A reader that went away pays for what it may have had.
    reply.raw.once('close', () => admission.end(stream.bytesRead));
    return reply.send(stream);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Of a list of ETags, one is this; `*` is any. */
function matches(header: string | undefined, etag: string): boolean {
  return (
    header?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag || one.trim() === '*') ?? false
  );
}
