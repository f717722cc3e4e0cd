import type { DeltaPart } from '@zen/engine';
import { signAt } from '../apply-delta';
import { DeltaError } from '../delta-error';
import { fromHalf, toHalf } from '../float16';
import type { DeltaManifest } from '../manifest';
import { type DeltaModel, type Module, moduleShape } from '../modules';
import { type RowOrder, reorderRows } from '../row-order';
import { hfName, hfPath } from './hf-modules';

export interface PeftFiles {
  /** `adapter_config.json` */
  config: string;
  /** `adapter_model.safetensors` */
  model: Buffer;
}

interface Tensor {
  name: string;
  dtype: 'F32' | 'F16' | 'BF16';
  shape: [number, number];
  data: Uint8Array;
}

/** A delta as a PEFT adapter with the very same effect; `order` is that of the base's rows. */
export function writePeft(
  manifest: DeltaManifest,
  parts: readonly DeltaPart[],
  order: RowOrder,
  baseName: string,
): PeftFiles {
  const { model, recipe } = manifest;
  if (recipe === 'dense1' || recipe === 'attn1') {
    throw new DeltaError('unsupported', `PEFT has no adapter for a ${recipe} delta`);
  }
  const tensors = parts.flatMap((part) => partTensors(part, model, order));
  const whole = parts.every((part) => part.layers.length === model.layers);
  const targets = whole
    ? parts.map(({ module }) => hfName(module as Module))
    : parts.flatMap(({ module, layers }) => [...layers].map((layer) => hfPath(layer, module as Module)));
  const common = { base_model_name_or_path: baseName, inference_mode: true, task_type: 'CAUSAL_LM' };
  const config =
    recipe === 'vec'
      ? {
          ...common,
          peft_type: 'IA3',
          target_modules: targets,
          feedforward_modules: [],
          fan_in_fan_out: false,
        }
      : {
          ...common,
          peft_type: 'LORA',
          ...ranks(parts),
          target_modules: targets,
          bias: 'none',
          lora_dropout: 0,
        };
  return { config: `${JSON.stringify(config, null, 2)}\n`, model: safetensors(tensors) };
}

/** One rank and alpha; modules with others are named in patterns. */
function ranks(parts: readonly DeltaPart[]) {
  const all = parts.map((part) => {
    const name = hfName(part.module as Module);
    if (part.form === 'lora16') return { name, r: part.rank, alpha: part.rank * part.scale };
    if (part.form === 'lora1') return { name, r: part.rank, alpha: part.rank };
    throw new DeltaError('unsupported', `a ${part.form} part has no rank`);
  });
  const { r, alpha } = all[0]!;
  return {
    r,
    lora_alpha: alpha,
    rank_pattern: Object.fromEntries(all.filter((one) => one.r !== r).map((one) => [one.name, one.r])),
    alpha_pattern: Object.fromEntries(
      all.filter((one) => one.alpha !== alpha).map((one) => [one.name, one.alpha]),
    ),
  };
}

function partTensors(part: DeltaPart, model: DeltaModel, order: RowOrder): Tensor[] {
  const module = part.module as Module;
  const { out, in: cols } = moduleShape(model, module);
  const rowsToHf = (values: Uint16Array, width: number) =>
    reorderRows(values, width, module, model, order, 'half');
  const layerTensors = (layer: number, at: number): Tensor[] => {
    const name = `base_model.model.model.${hfPath(layer, module)}`;
    const pair = (dtype: 'F16' | 'BF16', rank: number, a: Uint16Array, b: Uint16Array): Tensor[] => [
      { name: `${name}.lora_A.weight`, dtype, shape: [rank, cols], data: asBytes(a) },
      { name: `${name}.lora_B.weight`, dtype, shape: [out, rank], data: asBytes(rowsToHf(b, rank)) },
    ];
    switch (part.form) {
      case 'lora16': {
        const a = part.a.slice(at * part.rank * cols, (at + 1) * part.rank * cols);
        const b = part.b.slice(at * out * part.rank, (at + 1) * out * part.rank);
        return pair('BF16', part.rank, a, b);
      }
      case 'lora1': {
        const { a, b } = spelled(part, at, out, cols);
        return pair('F16', part.rank, a, b);
      }
      case 'vec': {
        const v = rowsToHf(part.v.slice(at * out, (at + 1) * out), 1);
        const factors = Float32Array.from(v, (bits) => 1 + fromHalf(bits));
        return [{ name: `${name}.ia3_l`, dtype: 'F32', shape: [out, 1], data: asBytes(factors) }];
      }
      case 'dense1':
        throw new DeltaError('unsupported', 'PEFT has no adapter for signs of whole matrices');
    }
  };
  return [...part.layers].flatMap(layerTensors);
}

/** The pairs of a layer as numbers: A holds signs, B signs times scales. Both are exact in half precision. */
function spelled(part: DeltaPart & { form: 'lora1' }, at: number, out: number, cols: number) {
  const { rank } = part;
  const a = new Uint16Array(rank * cols);
  const b = new Uint16Array(out * rank);
  const [one, sign] = [toHalf(1), 0x8000];
  for (let r = 0; r < rank; r++) {
    const row = at * rank + r;
    for (let j = 0; j < cols; j++) {
      a[r * cols + j] = signAt(part.a, row * Math.ceil(cols / 8), j) > 0 ? one : one | sign;
    }
    for (let i = 0; i < out; i++) {
      const scale = part.scales[row]!;
      b[i * rank + r] = signAt(part.b, row * Math.ceil(out / 8), i) > 0 ? scale : scale ^ sign;
    }
  }
  return { a, b };
}

/** A safetensors file; `format` is what Hugging Face's own readers ask for. */
export function safetensors(tensors: readonly Tensor[]): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let at = 0;
  const sorted = [...tensors].sort(
    (a, b) => Number(b.dtype === 'F32') - Number(a.dtype === 'F32') || (a.name < b.name ? -1 : 1),
  );
  for (const { name, dtype, shape, data } of sorted) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  start.writeBigUInt64LE(BigInt(start.length - 8));
  json.copy(start, 8);
  return Buffer.concat([start, ...sorted.map(({ data }) => data)]);
}

const asBytes = (values: Uint16Array | Float32Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
