import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { GatewayError } from '../../gateway-error';

/** Of one message on the way to the store, bytes. */
const MOST_IN_MESSAGE = 2 ** 20;

export interface UploadLimits {
  maxBytes: number;
  /** A sender that gives nothing for this long is cut off, milliseconds. */
  stallMs: number;
  onBytes(bytes: number): void;
}

/**
 * A request's body in pieces as they come, never more of it in memory than the connection's buffer: the next piece is
 * read when the last one has been taken. Rejects as soon as it is too large.
 */
export async function* uploadOf(
  request: FastifyRequest,
  { maxBytes, stallMs, onBytes }: UploadLimits,
): AsyncGenerator<Buffer> {
  const body = bodyStream(request);
  const said = Number(request.headers['content-length'] ?? 0);
  if (said > maxBytes) throw tooLarge(maxBytes);
  const { socket } = request.raw;
  const stalled = () => socket.destroy();
  socket.setTimeout(stallMs, stalled);
  let bytes = 0;
  try {
    // What is refused is still answered, so its connection must stay.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      onBytes(chunk.length);
      for (let at = 0; at < chunk.length; at += MOST_IN_MESSAGE)
        yield chunk.subarray(at, at + MOST_IN_MESSAGE);
    }
  } finally {
    socket.off('timeout', stalled);
    socket.setTimeout(0);
    discard(body);
  }
}

function bodyStream({ body }: FastifyRequest): Readable {
  if (body !== null && typeof body === 'object' && 'iterator' in body) return body as Readable;
  throw new GatewayError(
    'unsupported_media_type',
    'the file is the body, with content-type: application/octet-stream',
    { param: 'content-type' },
  );
}

/** A sender that is refused goes on until it reads why; what it sends meanwhile is of no use. */
function discard(body: Readable): void {
  body.on('error', () => {});
  body.resume();
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('body_too_large', `the body is too large: at most ${maxBytes} bytes`);
}
