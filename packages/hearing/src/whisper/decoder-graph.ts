import { OnnxGraph } from '../onnx/onnx-graph';
import type { Ct2Weights } from './ct2-weights';
import { GraphLayers } from './graph-layers';
import type { WhisperShape } from './whisper-shape';

/**
 * Some tokens after `past` others. Inputs: `ids` [s], `positions` [s], `mask` [s, past + s] (added to scores), `rows` [r]
 * (whose logits are wanted), per layer `pk`, `pv` [past, width], and `k`, `v` of the encoder. Outputs: `logits`
 * [r, vocabulary], per layer `nk`, `nv` [s, width] to be appended to the past, and `alignment` [heads, s, T]: where the
 * heads that follow the audio look.
 */
export function decoderGraph(
  weights: Ct2Weights,
  shape: WhisperShape,
  alignmentHeads: readonly (readonly [layer: number, head: number])[],
): Uint8Array[] {
  const graph = new OnnxGraph();
  const layers = new GraphLayers(graph, weights);
  const { width, vocabSize } = shape;
  let x = embed(layers, weights, shape);
  const mask = graph.input('mask', 'float', ['tokens', 'all']);
  const rows = graph.input('rows', 'int64', ['rows']);
  const looks: string[] = [];
  for (let layer = 0; layer < shape.decoderLayers; layer++) {
    const at = `decoder/layer_${layer}`;
    x = graph.add('Add', [x, selfAttention(layers, x, layer, mask, shape)]);
    const cross = crossAttention(layers, x, layer, shape);
    x = graph.add('Add', [x, cross.mixed]);
    const heads = alignmentHeads.filter(([where]) => where === layer).map(([, head]) => head);
    if (heads.length > 0)
      looks.push(graph.add('Gather', [cross.weights, graph.integers(...heads)], { axis: 0 }));
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
  const wanted = graph.add('Gather', [layers.norm(x, 'decoder/layer_norm', width), rows], { axis: 0 });
  graph.output(layers.product(wanted, 'decoder/projection/weight', width, vocabSize), 'logits', 'float', [
    'rows',
    vocabSize,
  ]);
  graph.output(graph.add('Concat', looks, { axis: 0 }), 'alignment', 'float', [
    alignmentHeads.length,
    'tokens',
    'positions',
  ]);
  return graph.finish('whisper-decoder');
}

function embed(
  layers: GraphLayers,
  weights: Ct2Weights,
  { width, vocabSize, textPositions }: WhisperShape,
): string {
  const { graph } = layers;
  const ids = graph.input('ids', 'int64', ['tokens']);
  const positions = graph.input('positions', 'int64', ['tokens']);
  // A table that only single rows are read of stays as it came.
  const halves = weights.halves('decoder/embeddings/weight', [vocabSize, width]);
  const table = graph.constant('float16', [vocabSize, width], halves);
  const tokens = graph.add('Cast', [graph.add('Gather', [table, ids], { axis: 0 })], { to: 1 });
  const places = layers.constantFloats('decoder/position_encodings/encodings', [textPositions, width]);
  return graph.add('Add', [tokens, graph.add('Gather', [places, positions], { axis: 0 })]);
}

function selfAttention(
  layers: GraphLayers,
  x: string,
  layer: number,
  mask: string,
  shape: WhisperShape,
): string {
  const { graph } = layers;
  const { width, heads } = shape;
  const at = `decoder/layer_${layer}/self_attention`;
  const all = layers.linear(layers.norm(x, `${at}/layer_norm`, width), `${at}/linear_0`, width, 3 * width);
  const [q, k, v] = graph.split('Split', [all, graph.integers(width, width, width)], 3, { axis: 1 });
  graph.output(k!, `nk${layer}`, 'float', ['tokens', width]);
  graph.output(v!, `nv${layer}`, 'float', ['tokens', width]);
  const pastK = graph.input(`pk${layer}`, 'float', ['past', width]);
  const pastV = graph.input(`pv${layer}`, 'float', ['past', width]);
  const byHead = graph.integers(-1, heads, width / heads);
  const headsOf = (value: string, perm: number[]) =>
    graph.add('Transpose', [graph.add('Reshape', [value, byHead])], { perm });
  const keys = headsOf(graph.add('Concat', [pastK, k!], { axis: 0 }), [1, 2, 0]);
  const values = headsOf(graph.add('Concat', [pastV, v!], { axis: 0 }), [1, 0, 2]);
  const scores = graph.add('Add', [
    graph.add('MatMul', [headsOf(scaled(graph, q!, shape), [1, 0, 2]), keys]),
    mask,
  ]);
  const mixed = graph.add('MatMul', [graph.add('Softmax', [scores], { axis: -1 }), values]);
  return layers.linear(joined(graph, mixed, width), `${at}/linear_1`, width, width);
}

function crossAttention(
  layers: GraphLayers,
  x: string,
  layer: number,
  shape: WhisperShape,
): { mixed: string; weights: string } {
  const { graph } = layers;
  const { width, heads } = shape;
  const at = `decoder/layer_${layer}/attention`;
  const keys = graph.input(`k${layer}`, 'float', [heads, width / heads, 'positions']);
  const values = graph.input(`v${layer}`, 'float', [heads, 'positions', width / heads]);
  const q = layers.linear(layers.norm(x, `${at}/layer_norm`, width), `${at}/linear_0`, width, width);
  const byHead = graph.add('Reshape', [scaled(graph, q, shape), graph.integers(-1, heads, width / heads)]);
  const scores = graph.add('MatMul', [graph.add('Transpose', [byHead], { perm: [1, 0, 2] }), keys]);
  const weights = graph.add('Softmax', [scores], { axis: -1 });
  const mixed = joined(graph, graph.add('MatMul', [weights, values]), width);
  return { mixed: layers.linear(mixed, `${at}/linear_2`, width, width), weights };
}

function scaled(graph: OnnxGraph, q: string, { width, heads }: WhisperShape): string {
  return graph.add('Mul', [q, graph.floats([(width / heads) ** -0.5], [1])]);
}

/** [heads, s, width / heads] → [s, width]. */
function joined(graph: OnnxGraph, x: string, width: number): string {
  return graph.add('Reshape', [graph.add('Transpose', [x], { perm: [1, 0, 2] }), graph.integers(-1, width)]);
}
