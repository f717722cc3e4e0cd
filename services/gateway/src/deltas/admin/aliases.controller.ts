import { Controller, Delete, Get, Inject, Param, Put, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { jsonBody } from '../../http/json-body';
import { validate } from '../../openai/parse-body';
import { DELTA_DESK } from '../../tokens';
import {
  aliasDeletion,
  aliasesQuery,
  aliasMove,
  aliasName,
  HISTORY,
  newAliasName,
  pageQuery,
} from './admin.schema';
import { aliasBody, deltaBody, listBody } from './bodies';
import type { DeltaDesk } from './delta-desk';
import { named } from './named';

/** `/v1/deltas/aliases`: names that move from one delta to another. A name may hold slashes. */
@Controller('v1/deltas/aliases')
export class AliasesController {
  constructor(@Inject(DELTA_DESK) private readonly desk: DeltaDesk) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Query() query: unknown) {
    const { limit: pageSize = 0, after: pageToken = '', prefix = '' } = validate(aliasesQuery, query);
    const { aliases, nextPageToken } = await this.desk.read(request, (rpc, options) =>
      rpc.listAliases({ prefix, pageSize, pageToken }, options),
    );
    return listBody(aliases.map(aliasBody), nextPageToken);
  }

  @Get('*')
  get(@Req() request: FastifyRequest, @Param('*') path: string, @Query() query: unknown) {
    return path.endsWith(HISTORY)
      ? this.history(request, path.slice(0, -HISTORY.length), query)
      : this.one(request, path);
  }

  /** Makes or moves it; 409 where its generation is not the expected one, 0 for one that was never there. */
  @Put('*')
  async move(@Req() request: FastifyRequest, @Param('*') path: string) {
    const name = named(newAliasName, 'name', path);
    const { digest, expected_generation } = validate(aliasMove, jsonBody(request));
    const wanted = { name, digest, expectedGeneration: BigInt(expected_generation) };
    return aliasBody(
      await this.desk.change(request, 'publish', (rpc, options) => rpc.setAlias(wanted, options)),
    );
  }

  @Delete('*')
  async remove(@Req() request: FastifyRequest, @Param('*') path: string, @Query() query: unknown) {
    const name = named(aliasName, 'name', path);
    const expectedGeneration = BigInt(validate(aliasDeletion, query).expected_generation);
    const call = { name, expectedGeneration };
    return aliasBody(
      await this.desk.change(request, 'publish', (rpc, options) => rpc.deleteAlias(call, options), 'name'),
    );
  }

  private async one(request: FastifyRequest, path: string) {
    const name = named(aliasName, 'name', path);
    const { delta, generation } = await this.desk.read(
      request,
      (rpc, options) => rpc.resolve({ name }, options),
      'name',
    );
    return {
      object: 'delta.alias',
      name,
      digest: delta!.digest,
      generation: Number(generation),
      delta: deltaBody(delta!),
    };
  }

  private async history(request: FastifyRequest, path: string, query: unknown) {
    const name = named(aliasName, 'name', path);
    const { limit: pageSize = 0, after: pageToken = '' } = validate(pageQuery, query);
    const { generations, nextPageToken } = await this.desk.read(
      request,
      (rpc, options) => rpc.aliasHistory({ name, pageSize, pageToken }, options),
      'name',
    );
    return listBody(generations.map(aliasBody), nextPageToken);
  }
}
