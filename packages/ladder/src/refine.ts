import type { CodedTensor, NativeQuant } from '@zen/engine';
import type { CodedTensors } from './code-tensors';
import { tensorBytes } from './dense-source';
import type { TensorPlan } from './plan';
import type { DenseReader } from './reference-model';
import type { SourceModel, SourceTensor } from './source-model';

/** Scale and offset of every row and group: value = scale·code + offset. */
export interface TrainedScales {
  scale: Float32Array;
  offset: Float32Array;
}

/** What a trainer of scales is given. */
export interface RefineJob {
  source: SourceModel;
  tensors: Map<string, SourceTensor>;
  plan: Map<string, TensorPlan>;
  coded: CodedTensors;
  read: DenseReader;
}

/** Trains scales over fixed codes; the tensors it returns get the new ones. */
export type Refiner = (job: RefineJob) => Promise<Map<string, TrainedScales>>;

/** Puts trained scales in stored form; returns how many groups had to keep their old ones. */
export async function applyScales(
  quant: NativeQuant,
  job: RefineJob,
  trained: Map<string, TrainedScales>,
): Promise<number> {
  let kept = 0;
  for (const [name, { scale, offset }] of trained) {
    const tensor = job.tensors.get(name)!;
    const plan = job.plan.get(name)!;
    const coded = job.coded.get(name)!;
    if (plan.kind !== 'residual' && plan.kind !== 'slice') continue;
    const residual = plan.kind === 'residual';
    const stored: CodedTensor = await quant.storeScales(
      coded.codes,
      coded.rowScale,
      coded.scale,
      coded.zero,
      scale,
      offset,
      tensor.shape[0],
      tensor.shape[1],
      residual ? tensor.type : null,
      residual ? await tensorBytes(tensor) : null,
      residual ? plan.residualBits : 0,
      plan.bits,
      plan.group,
    );
    kept += stored.bent;
    job.coded.set(name, stored);
  }
  return kept;
}

/** Scales of a coded tensor as numbers. */
export function scalesOf(coded: CodedTensor, bits: number): TrainedScales {
  const groups = coded.scale.length / coded.rowScale.length;
  const scale = new Float32Array(coded.scale.length);
  const offset = new Float32Array(coded.scale.length);
  const top = 2 ** bits - 1;
  for (const [row, half] of coded.rowScale.entries()) {
    const unit = halfToNumber(half);
    for (let at = row * groups; at < (row + 1) * groups; at++) {
      scale[at] = unit * coded.scale[at]!;
      offset[at] = (-scale[at]! * coded.zero[at]! * top) / 255;
    }
  }
  return { scale, offset };
}

/** IEEE half precision, finite values. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
