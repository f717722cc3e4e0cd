import { Controller, Get, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { FrontQueue } from '../admission/front-queue';
import { queueReport } from '../admission/queue-report';
import type { Gate } from '../door/gate';
import type { RungReport } from '../observe/rung-report';
import { GATE, QUEUE, RUNGS } from '../tokens';
import { headersOf } from './visits';

/** Why answers got the rung that they got, and who waits for one. */
@Controller('debug')
export class DebugController {
  constructor(
    @Inject(GATE) private readonly gate: Gate,
    @Inject(RUNGS) private readonly rungs: RungReport,
    @Inject(QUEUE) private readonly queue: FrontQueue,
  ) {}

  @Get('queues')
  queues(@Req() request: FastifyRequest) {
    const { name } = this.gate.checkOperator(headersOf(request), request.socket.remoteAddress);
    return queueReport(this.queue, name, performance.now());
  }

  @Get('rungs')
  report(@Req() request: FastifyRequest) {
    this.gate.checkOperator(headersOf(request), request.socket.remoteAddress);
    return this.rungs.body();
  }
}
