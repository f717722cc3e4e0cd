import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { jsonBody } from '../../http/json-body';
import { validate } from '../../openai/parse-body';
import { DELTA_DESK, DELTA_LIMITS } from '../../tokens';
import { digestText, erasure, pageQuery } from './admin.schema';
import { deltaBody, erasureBody, listBody, quotaBody } from './bodies';
import type { DeltaDesk } from './delta-desk';
import type { DeltaLimits } from './delta-limits';
import { named } from './named';
import { uploadOf } from './upload';

/** `/v1/deltas`: the deltas of the key's tenant. */
@Controller('v1/deltas')
export class DeltasController {
  constructor(
    @Inject(DELTA_DESK) private readonly desk: DeltaDesk,
    @Inject(DELTA_LIMITS) private readonly limits: DeltaLimits,
  ) {}

  /** The body is a delta file. 201 for a new one, 200 where it was there already. */
  @Post()
  async publish(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { maxDeltaBytes: maxBytes, stallMs, metrics } = this.limits;
    const onBytes = (bytes: number) => metrics.uploaded('delta', bytes);
    const { delta, existed } = await this.desk.upload(request, (rpc, options) =>
      rpc.publish(messages(uploadOf(request, { maxBytes, stallMs, onBytes })), options),
    );
    await reply.status(existed ? 200 : 201).send(deltaBody(delta!));
  }

  @Get()
  async list(@Req() request: FastifyRequest, @Query() query: unknown) {
    const { limit: pageSize = 0, after: pageToken = '' } = validate(pageQuery, query);
    const { deltas, nextPageToken } = await this.desk.read(request, (rpc, options) =>
      rpc.list({ pageSize, pageToken }, options),
    );
    return listBody(deltas.map(deltaBody), nextPageToken);
  }

  @Get('quota')
  async quota(@Req() request: FastifyRequest) {
    return quotaBody(await this.desk.read(request, (rpc, options) => rpc.quota({}, options)));
  }

  @Get(':digest')
  async one(@Req() request: FastifyRequest, @Param('digest') digest: string) {
    const name = named(digestText, 'digest', digest);
    const { delta } = await this.desk.read(
      request,
      (rpc, options) => rpc.resolve({ name }, options),
      'digest',
    );
    return deltaBody(delta!);
  }

  @Delete(':digest')
  async remove(@Req() request: FastifyRequest, @Param('digest') text: string) {
    const digest = named(digestText, 'digest', text);
    await this.desk.change(request, 'admin', (rpc, options) => rpc.delete({ digest }, options), 'digest');
    return { id: digest, object: 'delta', deleted: true };
  }

  /** All that the tenant has, at once and for good. */
  @Post('erase')
  @HttpCode(200)
  async erase(@Req() request: FastifyRequest) {
    const { confirm_tenant: confirmTenant } = validate(erasure, jsonBody(request));
    const erased = await this.desk.change(request, 'admin', (rpc, options) =>
      rpc.erase({ confirmTenant }, options),
    );
    return erasureBody(erased);
  }
}

async function* messages(chunks: AsyncIterable<Buffer>) {
  for await (const chunk of chunks) yield { chunk };
}
