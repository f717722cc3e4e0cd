import { Inject, Injectable } from '@nestjs/common';
import {
  type DescribePlacementRequest,
  type DescribePlacementResponse,
  ExpertRouterServiceDefinition,
  type Placement,
  type ReportLoadRequest,
  type ReportLoadResponse,
  type WatchPlacementRequest,
} from '@zen/contracts';
import { type CallContext, Rpc } from '@zen/rpc';
import { describePlacement } from './placing/describe';
import type { Placer } from './placing/placer';
import { MAX_VERSION } from './pods/pod-state';
import { invalid, nothingPlaced, otherArtifact } from './router-error';
import { PLACER, SETTINGS, STOPPING } from './tokens';

export interface ControllerSettings {
  /** How often thinkers shall report. */
  reportMs: number;
  now: () => number;
}

@Injectable()
export class ExpertRouterController {
  constructor(
    @Inject(PLACER) private readonly placer: Placer,
    @Inject(SETTINGS) private readonly settings: ControllerSettings,
    /** Aborted at shutdown: ends watches, which would go on for ever. */
    @Inject(STOPPING) private readonly stopping: AbortSignal,
  ) {}

  @Rpc(ExpertRouterServiceDefinition, 'watchPlacement')
  async *watchPlacement(
    { artifactDigest, knownVersion }: WatchPlacementRequest,
    context: CallContext,
  ): AsyncGenerator<Placement> {
    if (knownVersion > MAX_VERSION) throw invalid('known_version', `above ${MAX_VERSION}`);
    this.placer.heard(knownVersion);
    const signal = AbortSignal.any([context.signal, this.stopping]);
    for await (const placement of this.placer.feed.watch(signal)) {
      if (placement.artifactDigest !== artifactDigest) {
        throw otherArtifact(artifactDigest, placement.artifactDigest);
      }
      yield placement;
    }
  }

  @Rpc(ExpertRouterServiceDefinition, 'reportLoad')
  async reportLoad(request: ReportLoadRequest): Promise<ReportLoadResponse> {
    const { load } = this.placer;
    if (!load) throw nothingPlaced();
    load.take(request, this.settings.now());
    return { intervalMs: this.settings.reportMs };
  }

  @Rpc(ExpertRouterServiceDefinition, 'describe')
  async describe(_: DescribePlacementRequest): Promise<DescribePlacementResponse> {
    return describePlacement(this.placer, this.settings.now());
  }
}
