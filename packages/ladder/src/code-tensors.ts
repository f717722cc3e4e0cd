import type { CodedTensor, NativeQuant } from '@zen/engine';
import { codeMixtureLayer, type LayerStates } from './code-mixture';
import { tensorBytes } from './dense-source';
import { LadderError } from './ladder-error';
import type { TensorPlan } from './plan';
import { type DenseReader, hessianOf, type LayerHessians, type ReferenceModel } from './reference-model';
import { SOURCE_FORMATS } from './source-format';
import type { SourceTensor } from './source-model';
import { extendCodes, sliceCodes, WIDE_BITS } from './wide-codes';
import type { Coding, WorkFolder } from './work-folder';

export interface CodingOptions {
  /** Sequences that the source model is run on; none: plain rounding without error feedback. */
  calibration: Int32Array[];
  actOrder: boolean;
  /** Added to the covariance, relative to its mean diagonal. */
  damping: number;
  /** Refits of scales and codes after the feedback; half as many for inputs wider than WIDE_INPUT. */
  rounds: number;
}

/** From here on a round costs more than everything else of a layer: its cost grows with the square of the width. */
const WIDE_INPUT = 4096;

export const CODING_DEFAULTS: Omit<CodingOptions, 'calibration'> = {
  actOrder: true,
  damping: 0.01,
  rounds: 3,
};

export interface CodingJob {
  quant: NativeQuant;
  tensors: Map<string, SourceTensor>;
  /** Residuals that need more bits are widened here. */
  plan: Map<string, TensorPlan>;
  reference: ReferenceModel;
  read: DenseReader;
  options: CodingOptions;
  /** Takes the codes; what it holds already is not made again. */
  work: WorkFolder;
  progress: (done: number, total: number) => void;
}

/**
 * Codes all tensors, layer after layer: the source model's own hidden states flow through the layers, their
 * covariance steers the error feedback. One layer of dense weights is in memory at a time, of a mixture one expert.
 */
export async function codeTensors(job: CodingJob): Promise<void> {
  const { tensors, reference, read, work, progress } = job;
  const { calibration } = job.options;
  const { layers } = reference.model;
  const head = reference.headName;
  const calibrated = calibration.length > 0;
  const begun = calibrated ? await work.states() : null;
  const x = begun?.x ?? (calibrated ? await reference.embed(calibration) : null);
  const lengths = Int32Array.from(calibration, (tokens) => tokens.length);
  const outside = [...tensors.keys()].filter((name) => !name.startsWith('blk.') && name !== head);
  for (const name of await missing(job, outside)) await codeOne(job, name, null, (await read(name))!);
  for (let layer = 0; layer < layers; layer++) {
    progress(layer, layers + 1);
    const names = [...tensors.keys()].filter((name) => name.startsWith(`blk.${layer}.`));
    const left = await missing(job, names);
    const run = x !== null && layer >= (begun?.layer ?? 0);
    if (left.length === 0 && !run) continue;
    await codeLayer(job, layer, names, left, run ? { x, lengths } : null);
    if (run) await work.keepStates(layer + 1, x);
  }
  progress(layers, layers + 1);
  for (const name of await missing(job, [head])) {
    const hessian = x && job.plan.get(name)!.kind === 'residual' ? await headHessian(job, head, x) : null;
    await codeOne(job, name, hessian, (await read(name))!);
  }
  progress(layers + 1, layers + 1);
}

/** Codes the tensors `left` of one layer, whose tensors are `names`; `states` go through it. */
async function codeLayer(
  job: CodingJob,
  layer: number,
  names: string[],
  left: string[],
  states: LayerStates | null,
): Promise<void> {
  const { reference, read, progress } = job;
  const { layers, experts } = reference.model;
  if (experts) {
    const code = (name: string, hessian: Float32Array | null, values: Float32Array) =>
      codeOne(job, name, hessian, values);
    const share = (done: number) => progress(layer + done, layers + 1);
    return codeMixtureLayer({ reference, read, code, progress: share }, layer, left, states);
  }
  const dense = new Map<string, Float32Array>();
  for (const name of names) dense.set(name, (await read(name))!);
  let hessians: LayerHessians | null = null;
  if (states) {
    hessians = left.length > 0 ? reference.emptyHessians() : null;
    await reference.layer(layer, states.x, states.lengths, hessians, async (name) => dense.get(name) ?? null);
  }
  for (const name of left) {
    await codeOne(job, name, hessians?.[hessianOf(name)] ?? null, dense.get(name)!);
  }
}

/** Those that have no codes yet; residuals of the others get the width that was found for them. */
async function missing({ work, plan }: CodingJob, names: string[]): Promise<string[]> {
  const left: string[] = [];
  for (const name of names) {
    const how = plan.get(name)!;
    if (how.kind === 'raw' || how.kind === 'exact' || how.kind === 'like') continue;
    const known = await work.coding(name);
    if (known === null) left.push(name);
    else if (how.kind === 'residual') plan.set(name, { ...how, residualBits: known.residualBits! });
  }
  return left;
}

/**
 * The covariance of the head's inputs. Where its codes are the embedding's too, plain errors count as much: an
 * embedding's row goes into the model as it is.
 */
async function headHessian(job: CodingJob, head: string, x: Float32Array): Promise<Float32Array> {
  const hessian = await job.reference.headHessian(x);
  const shared = [...job.plan.values()].some((how) => how.kind === 'like' && how.tensor === head);
  if (!shared && !job.reference.model.tiedEmbeddings) return hessian;
  const size = job.reference.model.hiddenSize;
  let mean = 0;
  for (let i = 0; i < size; i++) mean += hessian[i * size + i]! / size;
  for (let i = 0; i < size; i++) hessian[i * size + i]! += mean;
  return hessian;
}

async function codeOne(
  job: CodingJob,
  name: string,
  hessian: Float32Array | null,
  values: Float32Array,
): Promise<void> {
  const { quant, plan, options, work } = job;
  const tensor = job.tensors.get(name)!;
  const how = plan.get(name)!;
  let coding: Coding | null = null;
  if (how.kind === 'residual') {
    coding = await codeResidual(quant, tensor, how, values, hessian, options);
    plan.set(name, { ...how, residualBits: coding.residualBits! });
  } else {
    const rungs = await codeTensor(quant, tensor, how, values, hessian, options);
    coding = rungs && { rungs, residualBits: null };
  }
  if (coding !== null) await work.keepCoding(name, coding);
}

/**
 * Free codes that the residual can be laid over. A source whose blocks differ much in scale may need one more
 * residual bit than planned; with all bits of a code nothing binds them.
 */
async function codeResidual(
  quant: NativeQuant,
  tensor: SourceTensor,
  plan: Extract<TensorPlan, { kind: 'residual' }>,
  values: Float32Array,
  hessian: Float32Array | null,
  options: CodingOptions,
): Promise<Coding> {
  const [rows, cols] = tensor.shape;
  const bytes = await tensorBytes(tensor);
  const { bits, group } = plan;
  const { actOrder, damping } = options;
  const rounds = cols > WIDE_INPUT ? Math.ceil(options.rounds / 2) : options.rounds;
  const all = SOURCE_FORMATS[tensor.type].bits;
  for (let residualBits = plan.residualBits; residualBits <= all; residualBits++) {
    const bound = residualBits < all;
    const coded = await quant.quantize(
      values,
      rows,
      cols,
      hessian,
      bound ? tensor.type : null,
      bound ? bytes : null,
      bound ? residualBits : 0,
      bits,
      group,
      actOrder,
      damping,
      rounds,
    );
    if (coded !== null) return { rungs: [coded], residualBits };
  }
  throw new LadderError('unsupported', `${tensor.name}: its values cannot be coded`);
}

async function codeTensor(
  quant: NativeQuant,
  tensor: SourceTensor,
  plan: Exclude<TensorPlan, { kind: 'residual' }>,
  values: Float32Array,
  hessian: Float32Array | null,
  options: CodingOptions,
): Promise<CodedTensor[] | null> {
  const [rows, cols] = tensor.shape;
  const { actOrder, damping, rounds } = options;
  if (plan.kind === 'wide') {
    const { group } = plan;
    const [first, ...more] = WIDE_BITS;
    const base = (await quant.quantize(
      values,
      rows,
      cols,
      hessian,
      null,
      null,
      0,
      first,
      group,
      actOrder,
      damping,
      rounds,
    ))!;
    const full = extendCodes(values, base, rows, cols, first, group);
    const rungs = [base];
    for (const bits of more) {
      rungs.push(await quant.fitScales(values, sliceCodes(full, bits), rows, cols, bits, group, null));
    }
    return rungs;
  }
  if (plan.kind === 'slice') {
    const codes = await quant.sourceCodes(tensor.type, await tensorBytes(tensor), rows, cols);
    const shift = SOURCE_FORMATS[tensor.type].bits - plan.bits;
    for (let i = 0; i < codes.length; i++) codes[i]! >>= shift;
    return [await quant.fitScales(values, codes, rows, cols, plan.bits, plan.group, null)];
  }
  return null;
}
