import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Gate } from '../door/gate';
import type { Fleet } from '../fleet/fleet';
import type { GatewayMetrics } from '../observe/gateway-metrics';
import { FLEET, GATE, METRICS } from '../tokens';

/** What operators and probes ask for; none of it needs a key. */
@Controller()
export class OperationsController {
  constructor(
    @Inject(FLEET) private readonly fleet: Fleet,
    @Inject(GATE) private readonly gate: Gate,
    @Inject(METRICS) private readonly metrics: GatewayMetrics,
  ) {}

  /** The process lives. */
  @Get('healthz')
  health() {
    return { status: 'ok' };
  }

  /** It can answer: some replica has a servable stage, and no shutdown has begun. */
  @Get('readyz')
  ready(@Res() reply: FastifyReply) {
    const ready = this.fleet.ready() && !this.gate.leaving;
    const replicas = this.fleet.replicas();
    const up = replicas.filter((replica) => replica.up).length;
    const body = { status: ready ? 'ready' : 'not ready', replicas: { up, down: replicas.length - up } };
    reply.status(ready ? 200 : 503).send(body);
  }

  @Get('metrics')
  async all(@Res() reply: FastifyReply) {
    const { registry } = this.metrics;
    reply.header('content-type', registry.contentType).send(await registry.metrics());
  }
}
