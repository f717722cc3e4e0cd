import { type DeltaModel, MODULES, type Module } from '../modules';

const PATHS: Readonly<Record<Module, string>> = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
};

/** A module of a layer by its Hugging Face name, without what stands before `layers`. */
export function hfPath(layer: number, module: Module): string {
  return `layers.${layer}.${PATHS[module]}`;
}

/** The name of a module alone: `q_proj`. */
export function hfName(module: Module): string {
  return PATHS[module].split('.')[1]!;
}

/** The layer, module and rest of a tensor's name; null where it is none of a linear module of this model. */
export function parseHfName(
  name: string,
  model: DeltaModel,
): { layer: number; module: Module; rest: string } | null {
  const match =
    /^(?:base_model\.model\.)?model\.layers\.(\d{1,4})\.((?:self_attn|mlp)\.[a-z]+_proj)\.(.+)$/.exec(name);
  if (match === null || Number(match[1]) >= model.layers) return null;
  const module = MODULES.find((each) => PATHS[each] === match[2]);
  return module === undefined ? null : { layer: Number(match[1]), module, rest: match[3]! };
}
