import {
  type Adapter,
  encodeLora16,
  type LoraFactors,
  MAX_RANK,
  MODULES,
  type Module,
  moduleKey,
  type Recipe,
  takeLora1,
  toHalf,
} from '@zen/deltas';
import type { DeltaPart } from '@zen/engine';
import { joinBytes, joinWords } from './join-arrays';

/**
 * The parts of a recipe where an adapter already is of its form, without any loss but the rounding of the format;
 * null where it must be fitted.
 */
export function takeAdapter(
  adapter: Adapter,
  recipe: Recipe,
  modules: readonly Module[],
  layers: number,
): DeltaPart[] | null {
  if (adapter.kind === 'ia3') {
    return recipe === 'vec'
      ? take(adapter.modules, modules, layers, (module, at, vectors) => ({
          module,
          layers: at,
          form: 'vec',
          v: joinWords(vectors.map((vector) => Uint16Array.from(vector, (value) => toHalf(value - 1)))),
        }))
      : null;
  }
  if (recipe === 'lora16') return take(adapter.modules, modules, layers, asLora16);
  return recipe === 'lora1' ? take(adapter.modules, modules, layers, asLora1) : null;
}

function take<T>(
  adapted: Map<string, T>,
  modules: readonly Module[],
  layers: number,
  part: (module: Module, at: Int32Array, found: T[]) => DeltaPart | null,
): DeltaPart[] | null {
  const parts: DeltaPart[] = [];
  for (const module of MODULES.filter((each) => modules.includes(each))) {
    const at = Array.from({ length: layers }, (_, layer) => layer).filter((layer) =>
      adapted.has(moduleKey(layer, module)),
    );
    if (at.length === 0) continue;
    const found = at.map((layer) => adapted.get(moduleKey(layer, module))!);
    const made = part(module, Int32Array.from(at), found);
    if (made === null) return null;
    parts.push(made);
  }
  return parts;
}

function asLora16(module: Module, layers: Int32Array, adapted: LoraFactors[]): DeltaPart {
  const { rank, scale, found } = alike(adapted);
  const factors = found.map(encodeLora16);
  return {
    module,
    layers,
    form: 'lora16',
    rank,
    scale: Math.fround(scale),
    a: joinWords(factors.map(({ a }) => a)),
    b: joinWords(factors.map(({ b }) => b)),
  };
}

function asLora1(module: Module, layers: Int32Array, adapted: LoraFactors[]): DeltaPart | null {
  const { rank, found } = ofRank(adapted);
  if (rank > MAX_RANK.lora1) return null;
  const taken = found.map(({ a, b, scale }) => takeLora1(a, b, rank, scale));
  const pairs = taken.flatMap((one) => (one === null ? [] : [one]));
  if (pairs.length < taken.length) return null;
  return {
    module,
    layers,
    form: 'lora1',
    rank,
    a: joinBytes(pairs.map(({ a }) => a)),
    b: joinBytes(pairs.map(({ b }) => b)),
    scales: joinWords(pairs.map(({ scales }) => scales)),
  };
}

/** A part has one rank: the largest, with zeros where a layer's is smaller. */
function ofRank(adapted: LoraFactors[]): { rank: number; found: LoraFactors[] } {
  const rank = Math.max(...adapted.map((one) => one.rank));
  return { rank, found: adapted.map((one) => (one.rank === rank ? one : padded(one, rank))) };
}

function padded({ rank: own, scale, a, b }: LoraFactors, rank: number): LoraFactors {
  const [cols, rows] = [a.length / own, b.length / own];
  const wide = { rank, scale, a: new Float32Array(rank * cols), b: new Float32Array(rows * rank) };
  wide.a.set(a);
  for (let i = 0; i < rows; i++) wide.b.set(b.subarray(i * own, (i + 1) * own), i * rank);
  return wide;
}

/** And one scale: 1 where the layers' differ, with theirs in B. */
function alike(adapted: LoraFactors[]): { rank: number; scale: number; found: LoraFactors[] } {
  const { rank, found } = ofRank(adapted);
  const { scale } = found[0]!;
  if (found.every((one) => one.scale === scale)) return { rank, scale, found };
  const scaled = found.map((one) => ({ ...one, scale: 1, b: one.b.map((value) => value * one.scale) }));
  return { rank, scale: 1, found: scaled };
}
