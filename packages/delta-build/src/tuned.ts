import {
  type Adapter,
  DeltaError,
  deltaModel,
  MODULES,
  type Module,
  moduleKey,
  type RowOrder,
  reorderRows,
  tensorName,
} from '@zen/deltas';
import type { NativeQuant } from '@zen/engine';
import { type DenseReader, modelTensors } from '@zen/ladder';
import type { BuildBase } from './build-base';

/** A fine-tuned model beside its base. */
export interface Tuned {
  /** Null for a model with weights of its own. */
  adapter: Adapter | null;
  /** Tuned less base, [out, in]; null where the module is the base's own. `weights` are the base's. */
  difference(layer: number, module: Module, weights: Float32Array): Promise<Float32Array | null>;
  /** The fine-tuned model's tensors as the base has them: its names, its order of rows. */
  read: DenseReader;
}

/** A model's own weights. `order`: that of its rows; `read` gives tensors by a ladder's names, null: as in the base. */
export function wholeModel(base: BuildBase, read: DenseReader, order: RowOrder): Tuned {
  const model = deltaModel(base.model);
  const turned: DenseReader = async (name) => {
    const values = await read(name);
    const part = /^blk\.\d+\.attn_([qk])\.(weight|bias)$/.exec(name);
    if (values === null || part === null) return values;
    const width = part[2] === 'bias' ? 1 : base.model.hiddenSize;
    return reorderRows(values, width, part[1] as Module, model, order, base.model.ropeStyle);
  };
  return {
    adapter: null,
    read: async (name) => (await turned(name)) ?? base.read(name),
    async difference(layer, module, weights) {
      const name = tensorName(layer, module);
      const values = await turned(name);
      if (values === null) return null;
      if (values.length !== weights.length) {
        throw new DeltaError(
          'wrong-shape',
          `${name} has ${values.length} weights, the base has ${weights.length}`,
        );
      }
      const delta = values.map((value, index) => value - weights[index]!);
      if (!delta.every(Number.isFinite))
        throw new DeltaError('non-finite', `${name} has weights that are not finite`);
      return delta.some((value) => value !== 0) ? delta : null;
    },
  };
}

/** A PEFT adapter on the base. */
export function adaptedModel(quant: NativeQuant, base: BuildBase, adapter: Adapter): Tuned {
  const tensors = modelTensors(base.model);
  const modules = new Map(
    Array.from({ length: base.model.layers }, (_, layer) =>
      MODULES.map((module) => [tensorName(layer, module), { layer, module }] as const),
    ).flat(),
  );
  const difference: Tuned['difference'] = async (layer, module, weights) => {
    const [rows, cols] = tensors.get(tensorName(layer, module))!.shape;
    if (adapter.kind === 'ia3') {
      const factors = adapter.modules.get(moduleKey(layer, module));
      return factors ? weights.map((value, at) => value * (factors[Math.floor(at / cols)]! - 1)) : null;
    }
    const lora = adapter.modules.get(moduleKey(layer, module));
    if (!lora) return null;
    const product = await quant.multiply(lora.b, lora.a, rows, lora.rank, cols);
    return product.map((value) => value * lora.scale);
  };
  return {
    adapter,
    difference,
    async read(name) {
      const weights = await base.read(name);
      const place = modules.get(name);
      const delta = weights && place && (await difference(place.layer, place.module, weights));
      return delta ? weights.map((value, at) => value + delta[at]!) : weights;
    },
  };
}
