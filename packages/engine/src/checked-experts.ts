import { checkExperts, checkHold, checkRows } from './check-experts';
import { guard, guardAsync } from './guard';
import type { ExpertOutputs, ExpertRows, NativeExperts } from './native-experts';

/** Experts with every argument checked before it crosses, and every error an EngineError. */
export class CheckedExperts implements NativeExperts {
  constructor(private readonly native: NativeExperts) {}

  async hold(layer: number, experts: Int32Array, blobs: string[]): Promise<void> {
    checkHold(layer, experts, blobs);
    await guardAsync(() => this.native.hold(layer, experts, blobs));
  }
  release(layer: number, experts: Int32Array): void {
    checkExperts(layer, experts);
    guard(() => this.native.release(layer, experts));
  }
  async run(call: ExpertRows, answer: 'f32' | 'bf16'): Promise<ExpertOutputs> {
    checkRows(call, answer);
    return guardAsync(() => this.native.run(call, answer));
  }
  stats(): { held: number; mappedBytes: number; mergedBytes: number } {
    return guard(() => this.native.stats());
  }
  close(): void {
    guard(() => this.native.close());
  }
}
