import type { CodedTensor, NativeQuant } from '@zen/engine';
import { tensorBytes } from './dense-source';
import { LadderError } from './ladder-error';
import type { TensorPlan } from './plan';
import { hessianOf, type LayerHessians, type ReferenceModel } from './reference-model';
import { SOURCE_FORMATS } from './source-format';
import type { SourceModel, SourceTensor } from './source-model';
import { extendCodes, sliceCodes, WIDE_BITS } from './wide-codes';

/** Codes and scales of every tensor that has coded rungs, by name; one entry per rung. */
export type CodedTensors = Map<string, CodedTensor[]>;

export interface CodingOptions {
  /** Sequences that the source model is run on; none: plain rounding without error feedback. */
  calibration: Int32Array[];
  actOrder: boolean;
  /** Added to the covariance, relative to its mean diagonal. */
  damping: number;
  /** Refits of scales and codes after the feedback. */
  rounds: number;
}

export const CODING_DEFAULTS: Omit<CodingOptions, 'calibration'> = {
  actOrder: true,
  damping: 0.01,
  rounds: 3,
};

/**
 * Codes all tensors, layer after layer: the source model's own hidden states flow through the layers, their
 * covariance steers the error feedback. One layer of dense weights is in memory at a time.
 */
export async function codeTensors(
  quant: NativeQuant,
  source: SourceModel,
  tensors: Map<string, SourceTensor>,
  plan: Map<string, TensorPlan>,
  reference: ReferenceModel,
  read: (name: string) => Promise<Float32Array | null>,
  options: CodingOptions,
  progress: (done: number, total: number) => void,
): Promise<CodedTensors> {
  const coded: CodedTensors = new Map();
  const calibrated = options.calibration.length > 0;
  const x = calibrated ? await reference.embed(options.calibration) : null;
  const lengths = Int32Array.from(options.calibration, (tokens) => tokens.length);
  const one = async (name: string, hessians: LayerHessians | null, values: Float32Array) => {
    const tensor = tensors.get(name)!;
    const how = plan.get(name)!;
    const hessian = hessians?.[hessianOf(name)] ?? null;
    if (how.kind === 'residual') {
      const { coded: rung, residualBits } = await codeResidual(quant, tensor, how, values, hessian, options);
      plan.set(name, { ...how, residualBits });
      coded.set(name, [rung]);
      return;
    }
    const made = await codeTensor(quant, tensor, how, values, hessian, options);
    if (made !== null) coded.set(name, made);
  };
  const outside = [...tensors.keys()].filter((name) => !name.startsWith('blk.'));
  for (const name of outside) await one(name, null, (await read(name))!);
  for (let layer = 0; layer < source.config.layers; layer++) {
    progress(layer, source.config.layers);
    const names = [...tensors.keys()].filter((name) => name.startsWith(`blk.${layer}.`));
    const dense = new Map<string, Float32Array>();
    for (const name of names) dense.set(name, (await read(name))!);
    let hessians: LayerHessians | null = null;
    if (x !== null) {
      hessians = reference.emptyHessians();
      await reference.layer(layer, x, lengths, hessians, async (name) => dense.get(name) ?? null);
    }
    for (const name of names) await one(name, hessians, dense.get(name)!);
  }
  progress(source.config.layers, source.config.layers);
  return coded;
}

/**
 * Free codes that the residual can be laid over. A source whose blocks differ much in scale may need one more
 * residual bit than planned; with all bits of a code it always succeeds.
 */
async function codeResidual(
  quant: NativeQuant,
  tensor: SourceTensor,
  plan: Extract<TensorPlan, { kind: 'residual' }>,
  values: Float32Array,
  hessian: Float32Array | null,
  options: CodingOptions,
): Promise<{ coded: CodedTensor; residualBits: number }> {
  const [rows, cols] = tensor.shape;
  const bytes = await tensorBytes(tensor);
  const { bits, group } = plan;
  const { actOrder, damping, rounds } = options;
  for (
    let residualBits = plan.residualBits;
    residualBits <= SOURCE_FORMATS[tensor.type].bits;
    residualBits++
  ) {
    const coded = await quant.quantize(
      values,
      rows,
      cols,
      hessian,
      tensor.type,
      bytes,
      residualBits,
      bits,
      group,
      actOrder,
      damping,
      rounds,
    );
    if (coded !== null) return { coded, residualBits };
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
