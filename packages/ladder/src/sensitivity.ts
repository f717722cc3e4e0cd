import type { CodedTensor, NativeQuant } from '@zen/engine';
import { expertOf } from './ladder-config';
import type { TensorPlan } from './plan';
import { Divergence } from './quality';
import type { DenseReader, ReferenceModel } from './reference-model';
import { sensitivityUnits, spreadOverExperts } from './sensitivity-units';
import { planeWidths } from './source-format';
import type { SourceTensor } from './source-model';
import type { WorkFolder } from './work-folder';

export interface SensitivityJob {
  quant: NativeQuant;
  reference: ReferenceModel;
  tensors: Map<string, SourceTensor>;
  plan: Map<string, TensorPlan>;
  read: DenseReader;
  /** Holds the codes. */
  work: WorkFolder;
  sequences: Int32Array[];
  progress: (done: number, total: number) => void;
}

/** Tokens that one call of the reference works on: what lies between its layers takes 0.6 GB for 8960 columns. */
const TOKENS_AT_ONCE = 8192;
/** The same for the head, whose logits take 0.6 MB a token; reading its weights costs as much as some 100 tokens. */
const HEAD_TOKENS = 256;

/**
 * How much every coded tensor alone disturbs the source model: mean KL in nats with only that tensor coded (of a
 * mixture: with that matrix of all experts of the layer coded, shared out by the rows that each gets). The model runs once, layer by layer; at each layer the states that a coded tensor has changed join the others, so
 * every layer's weights are read once whatever the number of tensors.
 */
export async function measureSensitivity(job: SensitivityJob): Promise<Map<string, number>> {
  const { quant, reference, plan, sequences, progress } = job;
  const { model, headName } = reference;
  const units = sensitivityUnits(plan);
  const names = [...units.keys()];
  const rows: number[][] = [];
  const tokens = sequences.reduce((sum, sequence) => sum + sequence.length, 0);
  const size = tokens * model.hiddenSize;
  const states = new States(reference, sequences, names.length, size);
  const source = await reference.embed(sequences);
  const embedding = 'token_embd.weight';
  if (names.includes(embedding)) {
    const coded = await decode(job, embedding);
    states.add(embedding, await reference.embed(sequences, async () => coded));
  }
  const total = model.layers + names.length;
  for (let layer = 0; layer < model.layers; layer++) {
    progress(layer, total);
    const dense = await layerWeights(job, layer);
    const read: DenseReader = async (name) =>
      dense.get(name) ?? (expertOf(name) === null ? null : job.read(name));
    await states.layer(layer, read);
    for (const name of names.filter((one) => one.startsWith(`blk.${layer}.`))) {
      const members = units.get(name)!;
      const state = source.slice();
      await reference.layer(layer, state, states.lengths, null, async (other) =>
        members.includes(other) ? decode(job, other) : read(other),
      );
      states.add(name, state);
    }
    rows.push(await reference.layerRows(layer, source, states.lengths, read));
  }
  const head = await job.read(headName);
  const headed: DenseReader = async (name) => (name === headName ? head : job.read(name));
  const expected = await reference.logits(source, 0, tokens, headed);
  const noTargets = new Int32Array(tokens).fill(-1);
  const result = new Map<string, number>();
  const compare = async (name: string, found: Float32Array) => {
    const sum = new Divergence();
    sum.add(await quant.compareLogits(expected, found, noTargets, model.vocabSize));
    result.set(name, sum.quality().klMean);
    progress(model.layers + result.size, total);
  };
  for (const { reached, part } of states.parts(HEAD_TOKENS)) {
    const found = await reference.logits(part, 0, part.length / model.hiddenSize, headed);
    const each = found.length / reached.length;
    for (const [index, name] of reached.entries()) {
      await compare(name, found.subarray(index * each, (index + 1) * each));
    }
  }
  if (names.includes(headName)) {
    const coded = await decode(job, headName);
    const read: DenseReader = async (name) => (name === headName ? coded : job.read(name));
    await compare(headName, await reference.logits(states.of(headName) ?? source, 0, tokens, read));
  }
  progress(total, total);
  return spreadOverExperts(result, units, rows);
}

/** Hidden states [tokens, hiddenSize] of every tensor that was reached, one after the other. */
class States {
  readonly lengths: Int32Array;
  private readonly all: Float32Array;
  private readonly names: string[] = [];

  constructor(
    private readonly reference: ReferenceModel,
    sequences: Int32Array[],
    most: number,
    private readonly size: number,
  ) {
    this.all = new Float32Array(most * size);
    this.lengths = Int32Array.from(sequences, (tokens) => tokens.length);
  }

  add(name: string, state: Float32Array): void {
    this.all.set(state, this.names.length * this.size);
    this.names.push(name);
  }

  of(name: string): Float32Array | null {
    const index = this.names.indexOf(name);
    return index < 0 ? null : this.all.subarray(index * this.size, (index + 1) * this.size);
  }

  /** Neighbours together, at most so many tokens at a time (or one state). */
  *parts(most: number): Generator<{ reached: string[]; part: Float32Array }> {
    const step = Math.max(1, Math.floor((most * this.reference.model.hiddenSize) / this.size));
    for (let from = 0; from < this.names.length; from += step) {
      const reached = this.names.slice(from, from + step);
      yield { reached, part: this.all.subarray(from * this.size, (from + reached.length) * this.size) };
    }
  }

  /** Runs a layer on all of them. */
  async layer(layer: number, read: DenseReader): Promise<void> {
    for (const { reached, part } of this.parts(TOKENS_AT_ONCE)) {
      const lengths = new Int32Array(reached.length * this.lengths.length);
      for (let i = 0; i < reached.length; i++) lengths.set(this.lengths, i * this.lengths.length);
      await this.reference.layer(layer, part, lengths, null, read);
    }
  }
}

/** A layer's dense weights, but not those of single experts, of which one at a time is in memory. */
async function layerWeights(job: SensitivityJob, layer: number): Promise<Map<string, Float32Array>> {
  const dense = new Map<string, Float32Array>();
  for (const name of job.tensors.keys()) {
    if (name.startsWith(`blk.${layer}.`) && expertOf(name) === null) dense.set(name, (await job.read(name))!);
  }
  return dense;
}

/** Dense values of a tensor's first rung, the way a reader will see them. */
async function decode(job: SensitivityJob, name: string): Promise<Float32Array> {
  const how = job.plan.get(name)!;
  const owner = how.kind === 'like' ? how.tensor : name;
  const plan = job.plan.get(owner)!;
  const coding = await job.work.coding(owner);
  if ((plan.kind !== 'residual' && plan.kind !== 'slice') || coding === null) {
    throw new RangeError(`${name} has no codes`);
  }
  return decodeCoded(job.quant, job.tensors.get(name)!.shape, plan.bits, plan.group, coding.rungs[0]!);
}

async function decodeCoded(
  quant: NativeQuant,
  [rows, cols]: [number, number],
  bits: number,
  group: number,
  coded: CodedTensor,
): Promise<Float32Array> {
  const packed = quant.packScales(coded.rowScale, coded.scale, coded.zero, rows, cols, group);
  const widths = planeWidths(bits);
  const planes: Uint8Array[] = [];
  let shift = bits;
  for (const width of widths) {
    shift -= width;
    planes.push(await quant.packPlane(coded.codes, rows, cols, shift, width));
  }
  return quant.decodeCoded({ planes, widths, group, ...packed }, rows, cols);
}
