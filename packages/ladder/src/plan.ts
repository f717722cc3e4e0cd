import { isLinear, STAGES } from './ladder-config';
import { SOURCE_FORMATS } from './source-format';
import type { SourceModel, SourceTensor } from './source-model';
import { WIDE_BITS } from './wide-codes';

/** How one tensor becomes rungs. */
export type TensorPlan =
  /** The numbers as they are, at stage 0. */
  | { kind: 'raw' }
  /** The source's codes whole, at stage 0. */
  | { kind: 'exact' }
  /** Free codes at stage 0; the low bits of the source's codes at `exactStage`. */
  | { kind: 'residual'; bits: number; group: number; residualBits: number; exactStage: number }
  /** The upper bits of the source's codes with scales of their own at stage 0; the rest at `exactStage`. */
  | { kind: 'slice'; bits: number; group: number; exactStage: number }
  /** A plain float matrix: codes of WIDE_BITS at stages 0 to 3, then the numbers as they are. */
  | { kind: 'wide'; group: number };

/** Protection order where nothing was measured: lower is more sensitive. */
function prior(name: string, layers: number): number {
  const layer = Number(name.split('.')[1]);
  const edge = layer < 1 || layer >= layers - 1 ? -2 : layer < 2 || layer >= layers - 2 ? -1 : 0;
  const kind = ['attn_v', 'ffn_down', 'attn_output', 'attn_k', 'attn_q', 'ffn_up', 'ffn_gate'];
  const rank = kind.findIndex((part) => name.includes(part));
  return (rank === 0 ? -10 : rank) + 4 * edge;
}

/** Bits per linear weight that stages 1 to 3 may use in all; stage 4 takes the rest. */
export const STAGE_BITS = [3.69, 4.9, 6.1];

export interface PlanOptions {
  /** Width and group of the first codes. */
  bits: number;
  group: number;
  /** Width of the embedding's (and head's) first slice. */
  embeddingBits: number;
  /** Order in which linear layers become exact; null: the prior. */
  order: string[] | null;
}

/** One plan for every tensor of a source. */
export function makePlan(source: SourceModel, options: PlanOptions): Map<string, TensorPlan> {
  const plan = new Map<string, TensorPlan>();
  for (const tensor of source.tensors) plan.set(tensor.name, firstPlan(tensor, options));
  const linear = source.tensors.filter((tensor) => plan.get(tensor.name)?.kind === 'residual');
  const byName = new Map(linear.map((tensor) => [tensor.name, tensor]));
  const order =
    options.order ??
    [...byName.keys()].sort((a, b) => prior(a, source.config.layers) - prior(b, source.config.layers));
  const weights = source.tensors.filter((t) => isLinear(t.name)).reduce((sum, t) => sum + size(t), 0);
  let bits = source.tensors
    .filter((t) => isLinear(t.name))
    .reduce((sum, t) => sum + firstBits(t, plan.get(t.name)!), 0);
  let stage = 1;
  for (const name of new Set(order)) {
    const tensor = byName.get(name);
    const now = plan.get(name);
    if (tensor === undefined || now?.kind !== 'residual') continue;
    bits += exactBits(tensor, now.residualBits);
    while (stage < STAGES - 1 && bits > STAGE_BITS[stage - 1]! * weights) stage++;
    plan.set(name, { ...now, exactStage: stage });
  }
  return plan;
}

const size = (tensor: SourceTensor) => tensor.shape[0] * tensor.shape[1];

function firstPlan(tensor: SourceTensor, options: PlanOptions): TensorPlan {
  const { bits } = SOURCE_FORMATS[tensor.type];
  const [rows, cols] = tensor.shape;
  if (bits === 0)
    return rows > 1 && cols % 32 === 0 ? { kind: 'wide', group: options.group } : { kind: 'raw' };
  if (!isLinear(tensor.name)) {
    // Slices need groups of 32 columns that share a scale; smaller sources are exact from the start.
    if (bits < 8) return { kind: 'exact' };
    return { kind: 'slice', bits: options.embeddingBits, group: 32, exactStage: STAGES - 1 };
  }
  const { group } = options;
  const exactStage = STAGES - 1;
  // Sources of 6 and 8 bits start a bit wider, and their residual spans several steps of the first codes.
  if (bits > 5)
    return { kind: 'residual', bits: options.bits + 1, group, residualBits: bits - 2, exactStage };
  return { kind: 'residual', bits: options.bits, group, residualBits: bits - 1, exactStage };
}

/** Bits of a tensor's stage 0. */
function firstBits(tensor: SourceTensor, plan: TensorPlan): number {
  const format = SOURCE_FORMATS[tensor.type];
  switch (plan.kind) {
    case 'raw':
      return size(tensor) * (tensor.type === 'F32' ? 32 : 16);
    case 'exact':
      return exactBits(tensor, format.bits);
    case 'wide':
      return size(tensor) * (WIDE_BITS[0] + 16 / plan.group + 16 / tensor.shape[1]);
    default:
      return size(tensor) * (plan.bits + 16 / plan.group + 16 / tensor.shape[1]);
  }
}

function exactBits(tensor: SourceTensor, codeBits: number): number {
  const format = SOURCE_FORMATS[tensor.type];
  return size(tensor) * (codeBits + (8 * format.paramBytes) / format.group + (8 * format.superBytes) / 256);
}
