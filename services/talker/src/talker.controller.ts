import { Inject, Injectable } from '@nestjs/common';
import {
  type DescribeTalkerRequest,
  type DescribeTalkerResponse,
  type SpeakRequest,
  type SpeakResponse,
  TalkerServiceDefinition,
  type WatchTalkerRequest,
  type WatchTalkerResponse,
} from '@zen/contracts';
import { type CallContext, Rpc } from '@zen/rpc';
import { Desk } from './desk';
import { Speaker } from './speaking/speaker';
import { DESK, SPEAKER, STOPPING } from './tokens';
import { watchTalker } from './watch';

@Injectable()
export class TalkerController {
  constructor(
    @Inject(SPEAKER) private readonly speaker: Speaker,
    @Inject(DESK) private readonly desk: Desk,
    /** Aborted at shutdown: ends watches, which would never end by themselves. */
    @Inject(STOPPING) private readonly stopping: AbortSignal,
  ) {}

  @Rpc(TalkerServiceDefinition, 'speak')
  speak(requests: AsyncIterable<SpeakRequest>, context: CallContext): AsyncGenerator<SpeakResponse> {
    return this.speaker.speak(requests, context);
  }

  @Rpc(TalkerServiceDefinition, 'describeTalker')
  async describeTalker(_request: DescribeTalkerRequest): Promise<DescribeTalkerResponse> {
    return this.desk.describe();
  }

  @Rpc(TalkerServiceDefinition, 'watchTalker')
  watchTalker(
    { intervalMs }: WatchTalkerRequest,
    { signal }: CallContext,
  ): AsyncGenerator<WatchTalkerResponse> {
    return watchTalker(this.desk, intervalMs, AbortSignal.any([signal, this.stopping]));
  }
}
