import type { DeltaPart } from '@zen/engine';

/** The linear modules of a layer, in the order in which a delta lists them. */
export const MODULES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;
export type Module = (typeof MODULES)[number];
export const ATTENTION: readonly Module[] = ['q', 'k', 'v', 'o'];

/** The numbers of a model that fix the shapes of its modules. */
export interface DeltaModel {
  layers: number;
  hidden: number;
  ffn: number;
  heads: number;
  kvHeads: number;
  headSize: number;
}

/** As a ladder's config has those numbers. */
export interface LadderShape {
  layers: number;
  hiddenSize: number;
  ffnSize: number;
  heads: number;
  kvHeads: number;
  headSize: number;
}

export function deltaModel({
  layers,
  hiddenSize,
  ffnSize,
  heads,
  kvHeads,
  headSize,
}: LadderShape): DeltaModel {
  return { layers, hidden: hiddenSize, ffn: ffnSize, heads, kvHeads, headSize };
}

/** Rows and columns of a module's weights: its outputs and inputs. */
export function moduleShape(model: DeltaModel, module: Module): { out: number; in: number } {
  const { hidden, ffn } = model;
  const q = model.heads * model.headSize;
  const kv = model.kvHeads * model.headSize;
  switch (module) {
    case 'q':
      return { out: q, in: hidden };
    case 'k':
    case 'v':
      return { out: kv, in: hidden };
    case 'o':
      return { out: hidden, in: q };
    case 'gate':
    case 'up':
      return { out: ffn, in: hidden };
    case 'down':
      return { out: hidden, in: ffn };
  }
}

const TENSORS: Readonly<Record<Module, string>> = {
  q: 'attn_q',
  k: 'attn_k',
  v: 'attn_v',
  o: 'attn_output',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
};

/** Name of a module's weights in a ladder or GGUF file. */
export function tensorName(layer: number, module: Module): string {
  return `blk.${layer}.${TENSORS[module]}.weight`;
}

/** How a delta is made; the manifest names it. */
export const RECIPES = ['dense1', 'attn1', 'lora1', 'vec', 'lora16'] as const;
export type Recipe = (typeof RECIPES)[number];

/** The form of a recipe's parts, and the modules that it may change. */
export const RECIPE: Readonly<Record<Recipe, { form: DeltaPart['form']; modules: readonly Module[] }>> = {
  dense1: { form: 'dense1', modules: MODULES },
  attn1: { form: 'dense1', modules: ATTENTION },
  lora1: { form: 'lora1', modules: MODULES },
  vec: { form: 'vec', modules: MODULES },
  lora16: { form: 'lora16', modules: MODULES },
};
