import type { FastifyRequest } from 'fastify';
import { GatewayError } from '../gateway-error';
import { parseJson } from '../openai/parse-body';

/** The JSON value of a request's body. */
export function jsonBody(request: FastifyRequest): unknown {
  if (Buffer.isBuffer(request.body)) return parseJson(request.body);
  throw new GatewayError(
    'unsupported_media_type',
    'a JSON body is needed, with content-type: application/json',
  );
}
