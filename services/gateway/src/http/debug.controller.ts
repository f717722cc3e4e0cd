import { Controller, Get, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Gate } from '../door/gate';
import type { RungReport } from '../observe/rung-report';
import { GATE, RUNGS } from '../tokens';
import { headersOf } from './visits';

/** Why answers got the rung that they got. */
@Controller('debug')
export class DebugController {
  constructor(
    @Inject(GATE) private readonly gate: Gate,
    @Inject(RUNGS) private readonly rungs: RungReport,
  ) {}

  @Get('rungs')
  report(@Req() request: FastifyRequest) {
    this.gate.checkOperator(headersOf(request), request.socket.remoteAddress);
    return this.rungs.body();
  }
}
