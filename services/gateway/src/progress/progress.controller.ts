import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SseWriter } from '../http/sse-writer';
import { PROGRESS, STALL_MS } from '../tokens';
import type { ProgressHub } from './progress-hub';

/** `GET /v1/zen/progress`: as events for whoever accepts an event stream, else the newest report as JSON. */
@Controller('v1/zen')
export class ProgressController {
  constructor(
    @Inject(PROGRESS) private readonly hub: ProgressHub,
    @Inject(STALL_MS) private readonly stallMs: number,
  ) {}

  @Get('progress')
  progress(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (!/\btext\/event-stream\b/.test(request.headers.accept ?? '')) {
      void reply.header('content-type', 'application/json; charset=utf-8').send(this.hub.newest());
      return;
    }
    this.hub.checkRoom();
    reply.hijack();
    const writer = new SseWriter(reply.raw, this.stallMs);
    writer.open(reply.getHeaders() as Record<string, string>);
    this.hub.add(writer);
    reply.raw.once('close', () => this.hub.remove(writer));
  }
}
