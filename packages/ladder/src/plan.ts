import { isLinear, isRouter, STAGES } from './ladder-config';
import { SOURCE_FORMATS } from './source-format';
import type { SourceModel, SourceTensor } from './source-model';

/** How one tensor becomes rungs. */
export type TensorPlan =
  /** The numbers as they are, at stage 0. */
  | { kind: 'raw' }
  /** The source's codes whole, at stage 0. */
  | { kind: 'exact' }
  /**
   * Free codes at stage 0; the low `residualBits` bits of the source's codes at `exactStage`. With all bits of a
   * code there is nothing to restore: the codes are then whole and the free ones unbound.
   */
  | { kind: 'residual'; bits: number; group: number; residualBits: number; exactStage: number }
  /** At stage 0 the codes of `tensor`, which holds nearly the same weights; the source's codes at `exactStage`. */
  | { kind: 'like'; tensor: string; exactStage: number }
  /** The upper bits of the source's codes with scales of their own at stage 0; the rest at `exactStage`. */
  | { kind: 'slice'; bits: number; group: number; exactStage: number }
  /** A plain float matrix: codes of WIDE_BITS at stages 0 to 3, then the numbers as they are. */
  | { kind: 'wide'; group: number };

/** Protection order where nothing was measured: lower is more sensitive. */
function prior(name: string, layers: number): number {
  const layer = Number(name.split('.')[1]);
  const edge = layer < 1 || layer >= layers - 1 ? -2 : layer < 2 || layer >= layers - 2 ? -1 : 0;
  // Embedding and head come last: they start with a bit more.
  if (!isLinear(name)) return 100;
  const kind = ['attn_v', 'ffn_down', 'attn_output', 'attn_k', 'attn_q', 'ffn_up', 'ffn_gate'];
  const rank = kind.findIndex((part) => name.includes(part));
  return (rank === 0 ? -10 : rank) + 4 * edge;
}

/** Share of the bits between stage 0 and the top that stages 1 to 3 may use in all; stage 4 takes the rest. */
export const STAGE_SHARES = [0.10415, 0.40665, 0.70665];

export interface PlanOptions {
  /** Width and group of the first codes. */
  bits: number;
  group: number;
  /** Width of the first slice of an 8-bit embedding or head. */
  embeddingBits: number;
  /** The embedding holds nearly the same weights as the head (`sharesHead`). */
  sharedHead: boolean;
  /** Order in which tensors become exact; null: the prior. */
  order: string[] | null;
}

/** Widths of the first codes of embeddings and heads of 5 and 6 bits, whose scales change every 16 or 32 columns. */
const VOCABULARY_CODES = { bits: 4, group: 32 };

/** One plan for every tensor of a source. */
export function makePlan(source: SourceModel, options: PlanOptions): Map<string, TensorPlan> {
  const plan = new Map<string, TensorPlan>();
  for (const tensor of source.tensors)
    plan.set(tensor.name, firstPlan(tensor, options, source.config.layers));
  const head = plan.get('output.weight');
  if (options.sharedHead && (head?.kind === 'residual' || head?.kind === 'slice')) {
    plan.set('token_embd.weight', { kind: 'like', tensor: 'output.weight', exactStage: STAGES - 1 });
  }
  const climbing = new Map(
    source.tensors.filter(({ name }) => climbs(plan.get(name)!)).map((tensor) => [tensor.name, tensor]),
  );
  const steps = new Map([...climbing].map(([name, tensor]) => [name, exactBits(tensor, plan.get(name)!)]));
  const climb = [...steps.values()].reduce((sum, bits) => sum + bits, 0);
  const order =
    options.order ??
    [...climbing.keys()].sort((a, b) => prior(a, source.config.layers) - prior(b, source.config.layers));
  let bits = 0;
  let stage = 1;
  for (const name of new Set(order)) {
    const now = plan.get(name);
    if (now === undefined || !climbs(now)) continue;
    bits += steps.get(name)!;
    while (stage < STAGES - 1 && bits > STAGE_SHARES[stage - 1]! * climb) stage++;
    plan.set(name, { ...now, exactStage: stage });
  }
  return plan;
}

/** Plans whose exact stage follows from the order. */
export function climbs(plan: TensorPlan): plan is Extract<TensorPlan, { kind: 'residual' | 'like' }> {
  return plan.kind === 'residual' || plan.kind === 'like';
}

const size = (tensor: SourceTensor) => tensor.shape[0] * tensor.shape[1];

function firstPlan(tensor: SourceTensor, options: PlanOptions, layers: number): TensorPlan {
  const { bits } = SOURCE_FORMATS[tensor.type];
  const [rows, cols] = tensor.shape;
  if (isRouter(tensor.name)) return { kind: 'raw' };
  if (bits === 0)
    return rows > 1 && cols % 32 === 0 ? { kind: 'wide', group: options.group } : { kind: 'raw' };
  const exactStage = STAGES - 1;
  if (!isLinear(tensor.name)) {
    // Codes of 4 bits would save little of a 4-bit source.
    if (bits < 5) return { kind: 'exact' };
    // Slices need groups of 32 columns that share a scale.
    if (bits === 8) return { kind: 'slice', bits: options.embeddingBits, group: 32, exactStage };
    return { kind: 'residual', ...VOCABULARY_CODES, residualBits: bits - 2, exactStage };
  }
  const { group } = options;
  // An 8-bit source starts a bit wider, and its residual spans several steps of the first codes.
  if (bits > 6)
    return { kind: 'residual', bits: options.bits + 1, group, residualBits: bits - 2, exactStage };
  // Q6_K has scales for 16 columns: a residual over wider groups would take 5 bits of 6 and a merge.
  if (bits === 6) {
    const wider = /attn_v/.test(tensor.name) || edge(tensor.name, layers) ? 1 : 0;
    return { kind: 'residual', bits: options.bits + wider, group, residualBits: bits, exactStage };
  }
  return { kind: 'residual', bits: options.bits, group, residualBits: bits - 1, exactStage };
}

/** Whether a layer is the first or the last. */
function edge(name: string, layers: number): boolean {
  const layer = Number(name.split('.')[1]);
  return layer === 0 || layer === layers - 1;
}

/** Bits that a tensor's exact rung adds to the ladder. */
export function exactBits(tensor: SourceTensor, plan: TensorPlan): number {
  const format = SOURCE_FORMATS[tensor.type];
  const codeBits = plan.kind === 'residual' ? plan.residualBits : format.bits;
  return size(tensor) * (codeBits + (8 * format.paramBytes) / format.group + (8 * format.superBytes) / 256);
}
