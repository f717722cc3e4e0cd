import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { newSession } from '@zen/realtime';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { GatewayError } from '../gateway-error';
import { jsonBody } from '../http/json-body';
import { visitOf } from '../http/visits';
import { validate } from '../openai/parse-body';
import { optional } from '../openai/sampling.schema';
import { CLIENT_SECRETS } from '../tokens';
import type { ClientSecrets } from './client-secrets';
import { withSession } from './wire/read-session';

const LEAST_S = 10;
const MOST_S = 7200;
const DEFAULT_S = 600;

const body = z.object({
  expires_after: optional(
    z.object({
      anchor: optional(z.literal('created_at')),
      seconds: optional(z.int().min(LEAST_S).max(MOST_S)),
    }),
  ),
  session: optional(z.record(z.string(), z.unknown())),
});

/** Secrets for browsers: whoever has a key asks for one, and gives it to a page. */
@Controller('v1/realtime')
export class ClientSecretsController {
  constructor(@Inject(CLIENT_SECRETS) private readonly secrets: ClientSecrets) {}

  @Post('client_secrets')
  @HttpCode(200)
  create(@Req() request: FastifyRequest) {
    const visit = visitOf(request);
    if (!visit) throw new GatewayError('internal', 'the request has no visit');
    const { expires_after, session = null } = validate(body, jsonBody(request));
    const type = session?.type === 'transcription' ? 'transcription' : 'realtime';
    // It has to be good now: nobody is told of an error by the page that uses it.
    withSession(newSession(type, ''), session);
    const expiresS = Math.floor(Date.now() / 1000) + (expires_after?.seconds ?? DEFAULT_S);
    const value = this.secrets.issue({ keyId: visit.tenant.keyId, expiresS, session });
    return { value, expires_at: expiresS, session: session ?? { type: 'realtime' } };
  }
}
