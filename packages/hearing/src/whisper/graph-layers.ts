import type { OnnxGraph } from '../onnx/onnx-graph';
import type { Ct2Weights } from './ct2-weights';

/** Values that share a scale in an 8-bit matrix. */
const BLOCK = 32;
const EPSILON = 1e-5;

/** The layers that encoder and decoder are made of. Values are rows: [positions, width]. */
export class GraphLayers {
  constructor(
    readonly graph: OnnxGraph,
    private readonly weights: Ct2Weights,
  ) {}

  norm(x: string, name: string, width: number): string {
    const scale = this.graph.floats(this.weights.floats(`${name}/gamma`, [width]), [width]);
    const shift = this.graph.floats(this.weights.floats(`${name}/beta`, [width]), [width]);
    return this.graph.add('LayerNormalization', [x, scale, shift], { axis: -1, epsilon: { float: EPSILON } });
  }

  /** x·Wᵀ + b. */
  linear(x: string, name: string, from: number, to: number): string {
    const bias = this.graph.floats(this.weights.floats(`${name}/bias`, [to]), [to]);
    return this.graph.add('Add', [this.product(x, `${name}/weight`, from, to), bias]);
  }

  /** x·Wᵀ with W in 8 bits: blocks of a row share a scale, rows of x are rounded as they come. */
  product(x: string, name: string, from: number, to: number): string {
    const { values, scales } = quantize(this.weights.floats(name, [to, from]), BLOCK);
    const blocks = from / BLOCK;
    const inputs = [
      x,
      this.graph.constant('uint8', [to, blocks, BLOCK], values),
      this.graph.floats(scales, [to, blocks]),
    ];
    return this.graph.add('MatMulNBits', inputs, {
      K: from,
      N: to,
      bits: 8,
      block_size: BLOCK,
      accuracy_level: 4,
    });
  }

  constantFloats(name: string, shape: readonly number[]): string {
    return this.graph.floats(this.weights.floats(name, shape), shape);
  }
}

/** Symmetric rounding: value ≈ (stored − 128)·scale. */
export function quantize(floats: Float32Array, block: number): { values: Uint8Array; scales: Float32Array } {
  const values = new Uint8Array(floats.length);
  const scales = new Float32Array(floats.length / block);
  for (let b = 0; b < scales.length; b++) {
    let largest = 0;
    for (let i = b * block; i < (b + 1) * block; i++) largest = Math.max(largest, Math.abs(floats[i]!));
    const scale = largest / 127;
    scales[b] = scale;
    for (let i = b * block; i < (b + 1) * block; i++) {
      values[i] = 128 + (scale === 0 ? 0 : Math.round(floats[i]! / scale));
    }
  }
  return { values, scales };
}
