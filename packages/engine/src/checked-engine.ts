import { checkDelta } from './check-delta';
import { checkAnswer, checkRemote, stageTable } from './check-experts';
import { CheckedExperts } from './checked-experts';
import {
  checkIdentity,
  checkItems,
  checkOptions,
  checkSampling,
  deltaHandle,
  handle,
  refuse,
  stageNumber,
  tokenArray,
  whole,
} from './checks';
import { guard, guardAsync } from './guard';
import type {
  DeltaPart,
  EngineStats,
  NativeEngine,
  NativeModel,
  NativeSampling,
  OpenOptions,
  SequenceIdentity,
  StepItem,
  StepOutput,
} from './native';
import type { ExpertCall, ExpertFloor, NativeExperts, OpenExpertsOptions } from './native-experts';

const NO_DELTAS = { slots: 0, slotBytes: 0, denseSlots: 0 };
const STAND_IN: ExpertFloor = 'standIn';
const BASE: SequenceIdentity = { delta: null, scope: new Uint8Array(0) };

/** The engine with every argument checked before it crosses, and every error an EngineError. */
export function checkedEngine(native: NativeEngine): NativeEngine {
  return {
    kernels: () => native.kernels(),
    open(configJson: string, options: OpenOptions): NativeModel {
      checkOptions(options);
      const { experts } = options;
      if (experts) checkRemote(experts);
      const remote = experts
        ? { resident: experts.resident, dispatch: (call: ExpertCall) => experts.dispatch(call) }
        : null;
      const all = { delta: NO_DELTAS, ...options, experts: remote };
      return new CheckedModel(
        guard(() => native.open(configJson, all as OpenOptions)),
        remote !== null,
      );
    },
    openExperts(configJson: string, options: OpenExpertsOptions): NativeExperts {
      whole('threads', options.threads, 1, 256);
      return new CheckedExperts(guard(() => native.openExperts(configJson, options)));
    },
  };
}

class CheckedModel implements NativeModel {
  /** A process that ends waits for its threads, and a step may wait for others: what it waits for is given up. */
  private readonly leave = () => this.native.close();

  constructor(
    private readonly native: NativeModel,
    asksOthers: boolean,
  ) {
    if (asksOthers) process.once('exit', this.leave);
  }

  async attachStage(stage: number, blobPath: string): Promise<void> {
    stageNumber(stage);
    await guardAsync(() => this.native.attachStage(stage, blobPath));
  }
  detachStage(stage: number): void {
    stageNumber(stage);
    guard(() => this.native.detachStage(stage));
  }
  stats(): EngineStats {
    return guard(() => this.native.stats());
  }
  async loadDelta(parts: DeltaPart[]): Promise<number> {
    checkDelta(parts);
    return guardAsync(() => this.native.loadDelta(parts));
  }
  freeDelta(delta: number): void {
    deltaHandle(delta);
    guard(() => this.native.freeDelta(delta));
  }
  forgetScope(scope: Uint8Array): void {
    if (scope.length !== 32) refuse('scope', 'must have 32 bytes');
    guard(() => this.native.forgetScope(scope));
  }
  createSequence(
    sampling: NativeSampling,
    sampled = new Int32Array(0),
    identity: SequenceIdentity = BASE,
  ): number {
    checkSampling(sampling);
    tokenArray('sampled', sampled, 0);
    checkIdentity(identity);
    return guard(() => this.native.createSequence(sampling, sampled, identity));
  }
  freeSequence(sequence: number): void {
    handle(sequence);
    guard(() => this.native.freeSequence(sequence));
  }
  matchPrefix(sequence: number, stage: number, tokens: Int32Array): number {
    handle(sequence);
    stageNumber(stage);
    tokenArray('tokens', tokens, 0);
    return guard(() => this.native.matchPrefix(sequence, stage, tokens));
  }
  truncate(sequence: number, length: number): void {
    handle(sequence);
    whole('length', length, 0, 2 ** 31 - 1);
    guard(() => this.native.truncate(sequence, length));
  }
  async step(items: StepItem[]): Promise<StepOutput[]> {
    checkItems(items);
    const all = items.map((item) => (item.expertFloor ? item : { ...item, expertFloor: STAND_IN }));
    return guardAsync(() => this.native.step(all));
  }
  async logits(stage: number, tokens: Int32Array, delta: number | null = null): Promise<Float32Array> {
    stageNumber(stage);
    tokenArray('tokens', tokens, 1);
    if (delta !== null) deltaHandle(delta);
    return guardAsync(() => this.native.logits(stage, tokens, delta));
  }
  completeExperts(id: number, outputs: Float32Array, missing: Uint8Array): void {
    checkAnswer(id, outputs, missing);
    guard(() => this.native.completeExperts(id, outputs, missing));
  }
  setExpertCaps(caps: Int8Array): void {
    stageTable('caps', caps, 0);
    guard(() => this.native.setExpertCaps(caps));
  }
  takeExpertLoad(): Uint32Array {
    return guard(() => this.native.takeExpertLoad());
  }
  close(): void {
    process.off('exit', this.leave);
    guard(() => this.native.close());
  }
}
