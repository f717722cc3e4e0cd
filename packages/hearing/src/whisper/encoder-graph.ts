import { OnnxGraph } from '../onnx/onnx-graph';
import type { Ct2Weights } from './ct2-weights';
import { GraphLayers } from './graph-layers';
import { HOP, MEL_BINS, melFilters, SPECTRUM, spectrumRows, WINDOW } from './mel-filters';
import type { WhisperShape } from './whisper-shape';

/** Range of the logarithm below the loudest bin, in powers of ten. */
const LOG_RANGE = 8;

/**
 * Samples to what every decoder layer attends to. Input `samples` [1, 1, n]: 2·T windows. Outputs `k0`, `v0`, …:
 * [heads, width / heads, T] and [heads, T, width / heads], T positions of 20 ms.
 */
export function encoderGraph(weights: Ct2Weights, shape: WhisperShape): Uint8Array[] {
  const graph = new OnnxGraph();
  const layers = new GraphLayers(graph, weights);
  const { width, heads } = shape;
  let x = positions(layers, shape, conv(layers, logMel(graph), width));
  for (let layer = 0; layer < shape.encoderLayers; layer++) {
    const at = `encoder/layer_${layer}`;
    const attended = selfAttention(
      layers,
      layers.norm(x, `${at}/self_attention/layer_norm`, width),
      at,
      shape,
    );
    x = graph.add('Add', [x, attended]);
    const inner = layers.linear(
      layers.norm(x, `${at}/ffn/layer_norm`, width),
      `${at}/ffn/linear_0`,
      width,
      4 * width,
    );
    x = graph.add('Add', [
      x,
      layers.linear(graph.add('Gelu', [inner]), `${at}/ffn/linear_1`, 4 * width, width),
    ]);
  }
  x = layers.norm(x, 'encoder/layer_norm', width);
  for (let layer = 0; layer < shape.decoderLayers; layer++) {
    const both = layers.linear(x, `decoder/layer_${layer}/attention/linear_1`, width, 2 * width);
    const [k, v] = graph.split('Split', [both, graph.integers(width, width)], 2, { axis: 1 });
    const byHead = graph.integers(-1, heads, width / heads);
    const keys = graph.add('Transpose', [graph.add('Reshape', [k!, byHead])], { perm: [1, 2, 0] });
    const values = graph.add('Transpose', [graph.add('Reshape', [v!, byHead])], { perm: [1, 0, 2] });
    graph.output(keys, `k${layer}`, 'float', [heads, width / heads, 'positions']);
    graph.output(values, `v${layer}`, 'float', [heads, 'positions', width / heads]);
  }
  return graph.finish('whisper-encoder');
}

/** [1, 1, n] samples → [1, bins, windows]. */
function logMel(graph: OnnxGraph): string {
  const samples = graph.input('samples', 'float', [1, 1, 'samples']);
  const rows = graph.floats(spectrumRows(), [2 * SPECTRUM, 1, WINDOW]);
  const spectrum = graph.add('Conv', [samples, rows], { strides: [HOP], kernel_shape: [WINDOW] });
  const power = graph.add('Mul', [spectrum, spectrum]);
  // The same filter for real and imaginary parts adds their squares.
  const once = melFilters();
  const twice = new Float32Array(2 * once.length);
  for (let bin = 0; bin < MEL_BINS; bin++) {
    const filter = once.subarray(bin * SPECTRUM, (bin + 1) * SPECTRUM);
    twice.set(filter, 2 * bin * SPECTRUM);
    twice.set(filter, (2 * bin + 1) * SPECTRUM);
  }
  const mel = graph.add('MatMul', [graph.floats(twice, [MEL_BINS, 2 * SPECTRUM]), power]);
  const log = graph.add('Mul', [
    graph.add('Log', [graph.add('Max', [mel, graph.floats([1e-10], [1])])]),
    graph.floats([1 / Math.LN10], [1]),
  ]);
  const floor = graph.add('Sub', [
    graph.add('ReduceMax', [log], { keepdims: 1 }),
    graph.floats([LOG_RANGE], [1]),
  ]);
  const bounded = graph.add('Max', [log, floor]);
  return graph.add('Mul', [graph.add('Add', [bounded, graph.floats([4], [1])]), graph.floats([1 / 4], [1])]);
}

/** [1, bins, 2·T] → [T, width]. */
function conv(layers: GraphLayers, mel: string, width: number): string {
  const { graph } = layers;
  const step = (x: string, name: string, from: number, stride: number) => {
    const weight = layers.constantFloats(`${name}/weight`, [width, from, 3]);
    const bias = layers.constantFloats(`${name}/bias`, [width]);
    const attributes = { kernel_shape: [3], pads: [1, 1], strides: [stride] };
    return graph.add('Gelu', [graph.add('Conv', [x, weight, bias], attributes)]);
  };
  const x = step(step(mel, 'encoder/conv1', MEL_BINS, 1), 'encoder/conv2', width, 2);
  return graph.add('Squeeze', [graph.add('Transpose', [x], { perm: [0, 2, 1] }), graph.integers(0)]);
}

function positions(layers: GraphLayers, shape: WhisperShape, x: string): string {
  const { graph } = layers;
  const all = layers.constantFloats('encoder/position_encodings/encodings', [
    shape.audioPositions,
    shape.width,
  ]);
  const length = graph.add('Slice', [
    graph.add('Shape', [x]),
    graph.integers(0),
    graph.integers(1),
    graph.integers(0),
  ]);
  return graph.add('Add', [x, graph.add('Slice', [all, graph.integers(0), length, graph.integers(0)])]);
}

function selfAttention(layers: GraphLayers, x: string, at: string, { width, heads }: WhisperShape): string {
  const { graph } = layers;
  const all = layers.linear(x, `${at}/self_attention/linear_0`, width, 3 * width);
  const parts = graph
    .split('Split', [all, graph.integers(width, width, width)], 3, { axis: 1 })
    .map((part) => graph.add('Unsqueeze', [part, graph.integers(0)]));
  const mixed = graph.add('MultiHeadAttention', parts, { num_heads: heads });
  return layers.linear(
    graph.add('Squeeze', [mixed, graph.integers(0)]),
    `${at}/self_attention/linear_1`,
    width,
    width,
  );
}
