import type { LayerExperts } from '@zen/contracts';

/** A cell is an expert of a layer: layer × experts + expert. */
export type Cell = number;

/** Which experts the pod has, shall have, and still answers for. No clock and no engine in it. */
export class HeldExperts {
  assignedVersion = 0n;
  /** Of the last assignment that was held whole, at the highest stage. */
  heldVersion = 0n;
  /** Highest stage that the experts of `held` have; −1 while there are none. */
  level = -1;
  /** Cells that a newer assignment has left out and that still answer. */
  readonly leaving = new Set<Cell>();
  private assigned: Uint8Array;
  private readonly stages: Int8Array;

  constructor(
    readonly layers: number,
    /** Of each layer. */
    readonly experts: number,
    /** Highest stage that they shall have. */
    readonly top: number,
  ) {
    this.assigned = new Uint8Array(layers * experts);
    this.stages = new Int8Array(layers * experts).fill(-1);
  }

  /** Takes an assignment, [layers][experts]; returns the cells that are to go, and whether anything is to come or go. */
  assign(version: bigint, assigned: Uint8Array): { dropped: Cell[]; changed: boolean } {
    const dropped: Cell[] = [];
    let changed = false;
    for (const [cell, wanted] of assigned.entries()) {
      if (wanted === this.assigned[cell]) continue;
      changed = true;
      if (wanted) this.leaving.delete(cell);
      else if (this.stages[cell]! >= 0) {
        this.leaving.add(cell);
        dropped.push(cell);
      }
    }
    this.assigned = assigned;
    this.assignedVersion = version;
    this.settle();
    return { dropped, changed };
  }

  sameAs(assigned: Uint8Array): boolean {
    return this.assigned.every((flag, cell) => flag === assigned[cell]);
  }

  isAssigned(cell: Cell): boolean {
    return this.assigned[cell] === 1;
  }

  /** Highest stage at which it answers, −1 for none; it may be about to go. */
  stageOf(layer: number, expert: number): number {
    return this.stages[layer * this.experts + expert]!;
  }

  /** The engine has it at this stage now; −1: no longer. */
  set(cell: Cell, stage: number): void {
    this.stages[cell] = stage;
    if (stage < 0) this.leaving.delete(cell);
    this.settle();
  }

  /** [layers][experts]: the stage up to which the bytes of each are needed, −1 for none. */
  needed(): Int8Array {
    return Int8Array.from(this.assigned, (flag, cell) => (flag || this.leaving.has(cell) ? this.top : -1));
  }

  /** Of a layer, the assigned experts that lack a stage. */
  lacking(layer: number, stage: number, except: ReadonlySet<Cell>): Int32Array {
    const lacking: number[] = [];
    for (let expert = 0; expert < this.experts; expert++) {
      const cell = layer * this.experts + expert;
      if (this.assigned[cell] && this.stages[cell]! < stage && !except.has(cell)) lacking.push(expert);
    }
    return Int32Array.from(lacking);
  }

  /** What callers may count on, by layer: assigned, and at least at `level`. */
  held(): LayerExperts[] {
    const held: LayerExperts[] = [];
    for (let layer = 0; layer < this.layers && this.level >= 0; layer++) {
      const experts: number[] = [];
      for (let expert = 0; expert < this.experts; expert++) {
        const cell = layer * this.experts + expert;
        if (this.assigned[cell] && this.stages[cell]! >= this.level) experts.push(expert);
      }
      if (experts.length > 0) held.push({ layer, experts });
    }
    return held;
  }

  /**
   * The level rises when all have risen, and what comes later joins when it has reached it: one new expert must not
   * take the stage from the others.
   */
  private settle(): void {
    let lowest = this.top;
    let lowestHeld = this.top + 1;
    let highest = -1;
    let any = false;
    for (const [cell, flag] of this.assigned.entries()) {
      if (!flag) continue;
      any = true;
      const stage = this.stages[cell]!;
      lowest = Math.min(lowest, stage);
      highest = Math.max(highest, stage);
      if (stage >= 0) lowestHeld = Math.min(lowestHeld, stage);
    }
    if (!any || highest < 0) this.level = -1;
    else if (this.level < 0 || highest < this.level) this.level = lowestHeld;
    else this.level = Math.max(this.level, lowest);
    if (lowest === this.top) this.heldVersion = this.assignedVersion;
  }
}
