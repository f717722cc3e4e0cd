import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError, type GatewayFailure } from '../gateway-error';
import { httpError } from '../openai/error-body';
import { visitOf } from './visits';

const BY_STATUS: Record<number, GatewayFailure> = {
  400: 'invalid_request',
  403: 'forbidden',
  404: 'not_found',
  413: 'body_too_large',
  415: 'unsupported_media_type',
};

/** Every error of the HTTP side becomes one answer in OpenAI's shape here. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly maxBodyBytes: number) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = this.translate(thrown, request);
    visitOf(request)?.failed(error);
    if (reply.sent) return;
    const { status, headers, body } = httpError(error);
    reply.headers(headers).status(status).send(body);
  }

  private translate(thrown: unknown, request: FastifyRequest): GatewayError {
    if (!(thrown instanceof HttpException)) return GatewayError.from(thrown);
    const failure = BY_STATUS[thrown.getStatus()] ?? 'internal';
    switch (failure) {
      case 'body_too_large':
        return new GatewayError(failure, `the body is too large: at most ${this.maxBodyBytes} bytes`);
      case 'unsupported_media_type':
        return new GatewayError(failure, 'content-type: expected application/json', {
          param: 'content-type',
        });
      case 'not_found':
        return new GatewayError(failure, `no such endpoint: ${request.method} ${path(request.url)}`);
      case 'internal':
        return GatewayError.from(thrown);
      default:
        return new GatewayError(failure, thrown.message);
    }
  }
}

/** Without the query, which may hold anything, and short. */
function path(url: string): string {
  return (url.split('?')[0] ?? '').slice(0, 128);
}
