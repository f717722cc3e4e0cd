import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError } from '../gateway-error';
import { PAGE } from '../tokens';
import type { PageFile, PageFiles } from './page-files';

/** The page loads from here and calls here, and nothing else: no inline script or style, no other origin. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** The web page: public, static, and without any right of its own; what it asks for needs the key typed into it. */
@Controller()
export class PageController {
  constructor(@Inject(PAGE) private readonly page: PageFiles | null) {}

  /** A browser gets the page, anything else the list of routes. */
  @Get()
  root(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    reply.header('vary', 'accept, accept-encoding');
    const wantsHtml = /\btext\/html\b/.test(request.headers.accept ?? '');
    if (this.page && wantsHtml) send(this.page.index, 'no-cache', request, reply);
    else void reply.send(ABOUT);
  }

  @Get('assets/:name')
  asset(@Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const file = this.page?.asset(name);
    if (!file) throw new GatewayError('not_found', 'no such file of the page');
    reply.header('vary', 'accept-encoding');
    send(file, 'public, max-age=31536000, immutable', request, reply);
  }
}

const ABOUT = {
  name: 'zen gateway',
  http: [
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/models',
    '/v1/zen/progress',
    '/healthz',
    '/readyz',
    '/metrics',
  ],
  grpc: 'zen.v1.GatewayService',
};

function send(file: PageFile, caching: string, request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({ ...SECURITY_HEADERS, 'cache-control': caching, etag: file.etag });
  if (request.headers['if-none-match'] === file.etag) {
    void reply.status(304).send();
    return;
  }
  reply.header('content-type', file.type);
  const zipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  if (zipped && file.gzip) void reply.header('content-encoding', 'gzip').send(file.gzip);
  else void reply.send(file.body);
}
