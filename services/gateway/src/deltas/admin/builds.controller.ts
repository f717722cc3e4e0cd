import { Controller, Delete, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { GatewayError } from '../../gateway-error';
import { SseWriter } from '../../http/sse-writer';
import { visitOf } from '../../http/visits';
import { errorBody } from '../../openai/error-body';
import { validate } from '../../openai/parse-body';
import { DELTA_DESK, DELTA_LIMITS } from '../../tokens';
import { buildId, buildQuery, pageQuery } from './admin.schema';
import { buildBody, listBody } from './bodies';
import type { DeltaDesk } from './delta-desk';
import type { DeltaLimits } from './delta-limits';
import { named } from './named';
import { uploadOf } from './upload';

/** `/v1/deltas/builds`: deltas that the store makes from a fine-tuned model, in the background. */
@Controller('v1/deltas/builds')
export class BuildsController {
  constructor(
    @Inject(DELTA_DESK) private readonly desk: DeltaDesk,
    @Inject(DELTA_LIMITS) private readonly limits: DeltaLimits,
  ) {}

  /** The body is the model's or adapter's safetensors file, the query says what to make of it. */
  @Post()
  async start(
    @Req() request: FastifyRequest,
    @Query() query: unknown,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const spec = validate(buildQuery, query);
    const { maxBuildBytes: maxBytes, stallMs, metrics } = this.limits;
    const onBytes = (bytes: number) => metrics.uploaded('build', bytes);
    const build = await this.desk.upload(request, (rpc, options) =>
      rpc.startBuild(messages(spec, uploadOf(request, { maxBytes, stallMs, onBytes })), options),
    );
    await reply.status(202).send(buildBody(build));
  }

  @Get()
  async list(@Req() request: FastifyRequest, @Query() query: unknown) {
    const { limit: pageSize = 0, after: pageToken = '' } = validate(pageQuery, query);
    const { builds, nextPageToken } = await this.desk.read(request, (rpc, options) =>
      rpc.listBuilds({ pageSize, pageToken }, options),
    );
    return listBody(builds.map(buildBody), nextPageToken);
  }

  /** Now; for whoever accepts an event stream, after every change until it has ended. */
  @Get(':id')
  async one(
    @Req() request: FastifyRequest,
    @Param('id') text: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const id = named(buildId, 'id', text);
    const build = await this.desk.read(request, (rpc, options) => rpc.getBuild({ id }, options), 'id');
    if (!/\btext\/event-stream\b/.test(request.headers.accept ?? '')) {
      await reply.send(buildBody(build));
      return;
    }
    reply.hijack();
    const writer = new SseWriter(reply.raw, this.limits.stallMs);
    writer.open(reply.getHeaders() as Record<string, string>);
    try {
      for await (const now of this.desk.follow(request, (rpc, options) => rpc.watchBuild({ id }, options))) {
        const behind = writer.send(JSON.stringify(buildBody(now)));
        if (behind) await behind;
      }
      writer.end('[DONE]');
    } catch (error) {
      const known = GatewayError.from(error);
      visitOf(request)?.failed(known);
      writer.end(JSON.stringify(errorBody(known)));
    }
  }

  @Delete(':id')
  async cancel(@Req() request: FastifyRequest, @Param('id') text: string) {
    const id = named(buildId, 'id', text);
    return buildBody(
      await this.desk.change(request, 'publish', (rpc, options) => rpc.cancelBuild({ id }, options), 'id'),
    );
  }
}

type Spec = z.infer<typeof buildQuery>;

async function* messages(
  { base, recipe, rank = 0, adapter_config: adapterConfig = '', alias = '' }: Spec,
  chunks: AsyncIterable<Buffer>,
) {
  yield { part: { $case: 'spec' as const, value: { base, recipe, rank, adapterConfig, alias } } };
  for await (const chunk of chunks) yield { part: { $case: 'chunk' as const, value: chunk } };
}
