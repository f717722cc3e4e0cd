import type { NativeQuant, ReferenceRouting } from '@zen/engine';
import { LadderError } from './ladder-error';
import type { DenseReader } from './reference-model';
import type { ExpertShape, ModelConfig } from './source-model';

/** One expert of a layer, or the one that every row passes. */
export type Expert = number | 'shared';

/** Sums of x·xᵀ of an expert's inputs and of what its last matrix gets. */
export interface ExpertHessians {
  ffnIn: Float32Array;
  ffnMid: Float32Array;
}

/** Names of gate, up and down. */
export function expertNames(layer: number, expert: Expert): string[] {
  const ending = expert === 'shared' ? '_shexp' : `.${expert}`;
  return ['gate', 'up', 'down'].map((part) => `blk.${layer}.ffn_${part}${ending}.weight`);
}

/**
 * The feed-forward of one layer of a mixture over all rows in float32, one expert after the other, so that the weights
 * of one are in memory: `add` each of `experts`, then `finish`.
 */
export class ReferenceMixture {
  /** In the order in which their outputs are added. */
  readonly experts: Expert[];
  private readonly out: Float32Array;

  private constructor(
    private readonly quant: NativeQuant,
    private readonly model: ModelConfig,
    private readonly shape: ExpertShape,
    private readonly layer: number,
    private readonly x: Float32Array,
    private readonly routing: ReferenceRouting,
  ) {
    this.experts = Array.from({ length: shape.count }, (_, expert) => expert);
    if (shape.sharedFfnSize > 0) this.experts.push('shared');
    this.out = new Float32Array(x.length);
  }

  /** Routes the rows of `x` [tokens, hiddenSize], which have been through the layer's attention. */
  static async route(
    quant: NativeQuant,
    model: ModelConfig,
    layer: number,
    x: Float32Array,
    read: DenseReader,
  ): Promise<ReferenceMixture> {
    const shape = model.experts!;
    const at = (name: string) => needed(read, `blk.${layer}.${name}.weight`);
    const routing = await quant.referenceRoute(
      model,
      shape,
      await at('ffn_norm'),
      await at('ffn_gate_inp'),
      shape.sharedFfnSize > 0 ? await at('ffn_gate_inp_shexp') : null,
      x,
      x.length / model.hiddenSize,
    );
    return new ReferenceMixture(quant, model, shape, layer, x, routing);
  }

  /** The rows that an expert was chosen for, ascending, with its gates. */
  rowsOf(expert: Expert): { rows: number[]; gates: number[] } {
    if (expert === 'shared') {
      const gates = [...this.routing.shared];
      return { rows: gates.map((_, row) => row), gates };
    }
    const rows: number[] = [];
    const gates: number[] = [];
    for (const [place, chosen] of this.routing.experts.entries()) {
      if (chosen !== expert) continue;
      rows.push(Math.floor(place / this.shape.perToken));
      gates.push(this.routing.gates[place]!);
    }
    return { rows, gates };
  }

  /**
   * Adds the expert's output. Returns the Hessians of its inputs where `least` is given, null where there are no rows:
   * an expert with fewer rows than that borrows others of the layer for them, evenly spaced, as far as there are any.
   */
  async add(expert: Expert, read: DenseReader, least: number | null = null): Promise<ExpertHessians | null> {
    const { hiddenSize: hidden, ffnSize } = this.model;
    const ffn = expert === 'shared' ? this.shape.sharedFfnSize : ffnSize;
    const { rows, gates } = this.rowsOf(expert);
    const used = least === null ? rows : [...rows, ...this.borrowed(rows, least)];
    if (used.length === 0) return null;
    const weights = await Promise.all(expertNames(this.layer, expert).map((name) => needed(read, name)));
    const input = new Float32Array(used.length * hidden);
    for (const [index, row] of used.entries()) {
      input.set(this.routing.hidden.subarray(row * hidden, (row + 1) * hidden), index * hidden);
    }
    const hessians =
      least === null
        ? null
        : { ffnIn: new Float32Array(hidden * hidden), ffnMid: new Float32Array(ffn * ffn) };
    const sums = hessians && [hessians.ffnIn, hessians.ffnMid];
    const found = await this.quant.referenceExpert(weights, hidden, ffn, input, used.length, sums);
    for (const [index, row] of rows.entries()) {
      const gate = gates[index]!;
      const to = row * hidden;
      for (let i = 0; i < hidden; i++) {
        this.out[to + i] = this.out[to + i]! + Math.fround(gate * found[index * hidden + i]!);
      }
    }
    return hessians;
  }

  /** Adds the sum of all outputs to the rows. */
  finish(): void {
    for (let i = 0; i < this.x.length; i++) this.x[i] = this.x[i]! + this.out[i]!;
  }

  private borrowed(rows: number[], least: number): number[] {
    const own = new Set(rows);
    const tokens = this.x.length / this.model.hiddenSize;
    const others = Array.from({ length: tokens }, (_, row) => row).filter((row) => !own.has(row));
    const wanted = Math.min(others.length, Math.max(0, least - rows.length));
    return Array.from(
      { length: wanted },
      (_, index) => others[Math.floor((index * others.length) / wanted)]!,
    );
  }
}

async function needed(read: DenseReader, name: string): Promise<Float32Array> {
  const values = await read(name);
  if (values === null) throw new LadderError('unsupported', `tensor ${name} is missing`);
  return values;
}
