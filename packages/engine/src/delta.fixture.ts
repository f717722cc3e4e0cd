import type { DeltaPart } from './native';

/** Shapes of the tiny ladder's modules: [out, in]. */
const SHAPES: Record<DeltaPart['module'], readonly [number, number]> = {
  q: [64, 64],
  k: [32, 64],
  v: [32, 64],
  o: [64, 64],
  gate: [96, 64],
  up: [96, 64],
  down: [64, 96],
};
const LAYERS = Int32Array.of(0, 1);

export type TinyForm = DeltaPart['form'] | 'mixed';

/** A random delta for `tinyLadder()`: one form in all modules, or a different one in each. */
export function tinyDelta(form: TinyForm, seed: number, rank = 4): DeltaPart[] {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const bits = (count: number) => Uint8Array.from({ length: count }, () => random(256));
  /** float16 of either sign from about 0.03 to 0.12. */
  const halves = (count: number) =>
    Uint16Array.from({ length: count }, () => (random(2) << 15) | (0x2800 + random(2048)));
  /** The same in bfloat16. */
  const brains = (count: number) =>
    Uint16Array.from({ length: count }, () => (random(2) << 15) | (0x3d00 + random(256)));
  const forms: DeltaPart['form'][] = ['dense1', 'lora1', 'lora16', 'vec'];
  return (Object.keys(SHAPES) as DeltaPart['module'][]).map((module, index): DeltaPart => {
    const [out, input] = SHAPES[module];
    const at = { module, layers: LAYERS };
    switch (form === 'mixed' ? forms[(index + seed) % 4] : form) {
      case 'dense1': {
        const signs = bits(2 * out * (input / 8));
        return { ...at, form: 'dense1', group: 32, signs, scales: halves(2 * out * (input / 32)) };
      }
      case 'lora1': {
        const [a, b] = [bits((2 * rank * input) / 8), bits((2 * rank * out) / 8)];
        return { ...at, form: 'lora1', rank, a, b, scales: halves(2 * rank) };
      }
      case 'lora16': {
        const [a, b] = [brains(2 * rank * input), brains(2 * rank * out)];
        return { ...at, form: 'lora16', rank, scale: 0.5, a, b };
      }
      default:
        return { ...at, form: 'vec', v: halves(2 * out) };
    }
  });
}
