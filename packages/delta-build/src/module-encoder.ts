import {
  DeltaError,
  encodeDense1,
  encodeLora1,
  encodeLora16,
  encodeVec,
  type Fit,
  type InputMoment,
  lowRank,
  type Module,
  type Multiply,
} from '@zen/deltas';
import type { DeltaPart } from '@zen/engine';
import { joinBytes, joinWords } from './join-arrays';

/** One module of one layer, as a part of that one layer. */
export interface EncodedModule {
  part: DeltaPart;
  fit: Fit;
}

export interface ModuleChange {
  layer: number;
  module: Module;
  /** The base's weights and what the fine-tune adds to them, [rows, cols]. */
  weights: Float32Array;
  delta: Float32Array;
  rows: number;
  cols: number;
  moment: InputMoment;
}

export interface FormOptions {
  form: DeltaPart['form'];
  rank: number;
  /** Columns that share a scale in dense1; null: all of a row. */
  group: number | null;
}

export async function encodeModule(
  change: ModuleChange,
  options: FormOptions,
  product: Multiply,
): Promise<EncodedModule> {
  const { layer, module, weights, delta, rows, cols, moment } = change;
  const at = { module, layers: Int32Array.of(layer) };
  switch (options.form) {
    case 'dense1': {
      const group = options.group ?? cols;
      if (cols % group !== 0) {
        throw new DeltaError(
          'wrong-shape',
          `groups of ${group} columns do not divide the ${cols} of ${module}`,
        );
      }
      const { fit, ...encoded } = await encodeDense1(delta, rows, cols, group, moment, product);
      return { part: { ...at, form: 'dense1', group, ...encoded }, fit };
    }
    case 'lora1': {
      const { rank } = options;
      const { fit, ...encoded } = await encodeLora1(delta, rows, cols, rank, moment, product);
      return { part: { ...at, form: 'lora1', rank, ...encoded }, fit };
    }
    case 'lora16': {
      const factors = await lowRank(delta, rows, cols, options.rank, moment, product);
      const rank = factors.a.length / cols;
      return { part: { ...at, form: 'lora16', rank, scale: 1, ...encodeLora16(factors) }, fit: factors.fit };
    }
    case 'vec': {
      const { v, fit } = await encodeVec(weights, delta, rows, cols, moment, product);
      return { part: { ...at, form: 'vec', v }, fit };
    }
  }
}

/** Parts of single layers of one module, as one part. */
export function joinParts(parts: readonly DeltaPart[]): DeltaPart {
  const first = parts[0]!;
  const same = <F extends DeltaPart['form']>(form: F) =>
    parts.filter((part): part is DeltaPart & { form: F } => part.form === form);
  const layers = Int32Array.from(parts.flatMap((part) => [...part.layers]));
  switch (first.form) {
    case 'dense1': {
      const all = same('dense1');
      return {
        ...first,
        layers,
        signs: joinBytes(all.map(({ signs }) => signs)),
        scales: joinWords(all.map(({ scales }) => scales)),
      };
    }
    case 'lora1': {
      const all = same('lora1');
      return {
        ...first,
        layers,
        a: joinBytes(all.map(({ a }) => a)),
        b: joinBytes(all.map(({ b }) => b)),
        scales: joinWords(all.map(({ scales }) => scales)),
      };
    }
    case 'lora16': {
      const all = same('lora16');
      return { ...first, layers, a: joinWords(all.map(({ a }) => a)), b: joinWords(all.map(({ b }) => b)) };
    }
    case 'vec':
      return { ...first, layers, v: joinWords(same('vec').map(({ v }) => v)) };
  }
}
