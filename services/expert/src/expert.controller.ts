import { Inject, Injectable } from '@nestjs/common';
import {
  type AssignExpertsRequest,
  type AssignExpertsResponse,
  type ExpertPodState,
  ExpertServiceDefinition,
  type RunExpertsRequest,
  type RunExpertsResponse,
  type WatchExpertsRequest,
} from '@zen/contracts';
import { type CallContext, Rpc } from '@zen/rpc';
import { Pod } from './pod';
import { RunStream } from './running/run-stream';
import { POD, STOPPING } from './tokens';
import { watchPod } from './watch';

@Injectable()
export class ExpertController {
  constructor(
    @Inject(POD) private readonly pod: Pod,
    /** Aborted at shutdown: ends watches, which would never end by themselves. */
    @Inject(STOPPING) private readonly stopping: AbortSignal,
  ) {}

  @Rpc(ExpertServiceDefinition, 'run')
  run(requests: AsyncIterable<RunExpertsRequest>): AsyncGenerator<RunExpertsResponse> {
    return new RunStream(this.pod.running).answers(requests);
  }

  @Rpc(ExpertServiceDefinition, 'assign')
  async assign(request: AssignExpertsRequest): Promise<AssignExpertsResponse> {
    this.pod.assign(request);
    return {};
  }

  @Rpc(ExpertServiceDefinition, 'watch')
  watch({ intervalMs }: WatchExpertsRequest, { signal }: CallContext): AsyncGenerator<ExpertPodState> {
    return watchPod(this.pod, intervalMs, AbortSignal.any([signal, this.stopping]));
  }
}
