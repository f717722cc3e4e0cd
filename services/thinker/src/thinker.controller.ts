import { Inject, Injectable } from '@nestjs/common';
import {
  type DescribeResponse,
  type DetokenizeRequest,
  type DetokenizeResponse,
  type GenerateRequest,
  type GenerateResponse,
  ThinkerServiceDefinition,
  type TokenizeRequest,
  type TokenizeResponse,
  type WatchRequest,
  type WatchResponse,
} from '@zen/contracts';
import { type CallContext, Rpc } from '@zen/rpc';
import { Answerer } from './answer/answerer';
import type { ThinkerConfig } from './config';
import { describeThinker } from './describe';
import { checkId } from './request/read-sampling';
import { invalid } from './request/thinker-error';
import { tokenize } from './request/tokenize';
import { Replica } from './serving/replica';
import { ANSWERER, CONFIG, REPLICA, STOPPING } from './tokens';
import { watchThinker } from './watch';

@Injectable()
export class ThinkerController {
  constructor(
    @Inject(ANSWERER) private readonly answerer: Answerer,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CONFIG) private readonly config: ThinkerConfig,
    /** Aborted at shutdown: ends watches, which would never end by themselves. */
    @Inject(STOPPING) private readonly stopping: AbortSignal,
  ) {}

  @Rpc(ThinkerServiceDefinition, 'generate')
  generate(request: GenerateRequest, context: CallContext): AsyncGenerator<GenerateResponse> {
    return this.answerer.answer(request, context);
  }

  @Rpc(ThinkerServiceDefinition, 'tokenize')
  async tokenize(request: TokenizeRequest): Promise<TokenizeResponse> {
    const { model, limits } = this.replica.require();
    return { tokenIds: [...tokenize(request, model.tokenizer, limits)] };
  }

  @Rpc(ThinkerServiceDefinition, 'detokenize')
  async detokenize({ tokenIds }: DetokenizeRequest): Promise<DetokenizeResponse> {
    const { model, limits } = this.replica.require();
    if (tokenIds.length > limits.promptBytes) {
      throw invalid('token_ids', `${tokenIds.length} ids, limit ${limits.promptBytes}`);
    }
    for (const id of tokenIds) checkId('token_ids', id, model.tokenizer.vocabSize);
    return { text: Buffer.from(model.tokenizer.decodeBytes(tokenIds)) };
  }

  @Rpc(ThinkerServiceDefinition, 'describe')
  async describe(): Promise<DescribeResponse> {
    return describeThinker(this.replica, this.config);
  }

  @Rpc(ThinkerServiceDefinition, 'watch')
  watch({ intervalMs }: WatchRequest, { signal }: CallContext): AsyncGenerator<WatchResponse> {
    return watchThinker(this.replica, intervalMs, AbortSignal.any([signal, this.stopping]));
  }
}
