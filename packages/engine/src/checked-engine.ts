import { checkDelta } from './check-delta';
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
import { EngineError } from './engine-error';
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

const NO_DELTAS = { slots: 0, slotBytes: 0, denseSlots: 0 };
const BASE: SequenceIdentity = { delta: null, scope: new Uint8Array(0) };

/** The engine with every argument checked before it crosses, and every error an EngineError. */
export function checkedEngine(native: NativeEngine): NativeEngine {
  return {
    kernels: () => native.kernels(),
    open(configJson: string, options: OpenOptions): NativeModel {
      checkOptions(options);
      return new CheckedModel(guard(() => native.open(configJson, { delta: NO_DELTAS, ...options })));
    },
  };
}

function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw EngineError.from(error);
  }
}

async function guardAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw EngineError.from(error);
  }
}

class CheckedModel implements NativeModel {
  constructor(private readonly native: NativeModel) {}

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
    return guardAsync(() => this.native.step(items));
  }
  async logits(stage: number, tokens: Int32Array, delta: number | null = null): Promise<Float32Array> {
    stageNumber(stage);
    tokenArray('tokens', tokens, 1);
    if (delta !== null) deltaHandle(delta);
    return guardAsync(() => this.native.logits(stage, tokens, delta));
  }
  close(): void {
    guard(() => this.native.close());
  }
}
