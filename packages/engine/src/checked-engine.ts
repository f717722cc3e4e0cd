import { checkItems, checkOptions, checkSampling, handle, stageNumber, tokenArray, whole } from './checks';
import { EngineError } from './engine-error';
import type {
  EngineStats,
  NativeEngine,
  NativeModel,
  NativeSampling,
  OpenOptions,
  StepItem,
  StepOutput,
} from './native';

/** The engine with every argument checked before it crosses, and every error an EngineError. */
export function checkedEngine(native: NativeEngine): NativeEngine {
  return {
    kernels: () => native.kernels(),
    open(configJson: string, options: OpenOptions): NativeModel {
      checkOptions(options);
      return new CheckedModel(guard(() => native.open(configJson, options)));
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
  createSequence(sampling: NativeSampling, sampled = new Int32Array(0)): number {
    checkSampling(sampling);
    tokenArray('sampled', sampled, 0);
    return guard(() => this.native.createSequence(sampling, sampled));
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
  async logits(stage: number, tokens: Int32Array): Promise<Float32Array> {
    stageNumber(stage);
    tokenArray('tokens', tokens, 1);
    return guardAsync(() => this.native.logits(stage, tokens));
  }
  close(): void {
    guard(() => this.native.close());
  }
}
