import type { DeltaPart, NativeModel } from '@zen/engine';
import type { DeltaEngine } from '../deltas/slot-tier';

/** The native engine's slots, and who of its sequences uses which. */
export class EngineDeltas implements DeltaEngine {
  private readonly slotOf = new Map<number, number>();
  private readonly users = new Map<number, number>();
  private readonly waiting = new Map<number, (() => void)[]>();

  constructor(private readonly model: Pick<NativeModel, 'loadDelta' | 'freeDelta' | 'forgetScope'>) {}

  loadDelta(parts: DeltaPart[]): Promise<number> {
    return this.model.loadDelta(parts);
  }

  freeDelta(slot: number): void {
    this.model.freeDelta(slot);
  }

  forgetScope(scope: Uint8Array): void {
    this.model.forgetScope(scope);
  }

  whenUnused(slot: number, then: () => void): void {
    if (!this.users.has(slot)) then();
    else this.waiting.set(slot, [...(this.waiting.get(slot) ?? []), then]);
  }

  began(sequence: number, slot: number): void {
    this.slotOf.set(sequence, slot);
    this.users.set(slot, (this.users.get(slot) ?? 0) + 1);
  }

  ended(sequence: number): void {
    const slot = this.slotOf.get(sequence);
    if (slot === undefined) return;
    this.slotOf.delete(sequence);
    const left = (this.users.get(slot) ?? 0) - 1;
    if (left > 0) {
      this.users.set(slot, left);
      return;
    }
    this.users.delete(slot);
    const waiting = this.waiting.get(slot) ?? [];
    this.waiting.delete(slot);
    for (const then of waiting) then();
  }
}
