import { Inject, Injectable } from '@nestjs/common';
import { type ListenRequest, type ListenResponse, TranscriberServiceDefinition } from '@zen/contracts';
import { type CallContext, Rpc } from '@zen/rpc';
import { HEARER } from '../tokens';
import { Hearer } from './hearer';

@Injectable()
export class TranscriberController {
  constructor(@Inject(HEARER) private readonly hearer: Hearer) {}

  @Rpc(TranscriberServiceDefinition, 'listen')
  listen(requests: AsyncIterable<ListenRequest>, context: CallContext): AsyncGenerator<ListenResponse> {
    return this.hearer.listen(requests, context);
  }
}
