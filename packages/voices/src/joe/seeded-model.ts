import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { SpeechError } from '@zen/speech';

/** Names of the inputs that the edited model has more. */
export const LENGTH_NOISE = 'zen_length_noise';
export const SOUND_NOISE = 'zen_sound_noise';
/** Shape of the noise of sound: [1, channels, frames]; what is longer takes it again from the beginning. */
export const SOUND_NOISE_SHAPE = [1, 192, 1024] as const;

/** Field numbers of onnx.proto that are read or written here. */
const MODEL = { graph: 7 };
const GRAPH = { node: 1, initializer: 5, input: 11 };
const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5 };
const FLOAT = 1;
const INT64 = 7;

interface Node {
  opType: string;
  inputs: string[];
  outputs: string[];
}

/**
 * A VITS model of Piper whose chance comes from outside. As it is, two nodes draw from a generator that nobody can set,
 * so no sentence would sound the same twice. Here they become inputs: noise of the lengths [1, 2, ids] and of the sound
 * (SOUND_NOISE_SHAPE).
 *
 * @throws SpeechError `bad-model` where the model has not exactly these two
 */
export function withNoiseInputs(model: Uint8Array, name: string): Uint8Array {
  let found = 0;
  const pieces = eachField(model, (field, graph) => {
    if (field !== MODEL.graph || graph === null) return null;
    const parts = eachField(graph, (part, content) => {
      const node = part === GRAPH.node && content ? readNode(content) : null;
      if (node?.opType !== 'RandomNormalLike') return null;
      found += 1;
      const nodes = found === 1 ? lengthNodes(node) : soundNodes(node);
      return nodes.map((each) => fieldOf(GRAPH.node, each));
    });
    for (const [constant, value] of CONSTANTS)
      parts.push(fieldOf(GRAPH.initializer, scalar(constant, value)));
    parts.push(fieldOf(GRAPH.input, input(LENGTH_NOISE, [1, 2, 'ids'])));
    parts.push(fieldOf(GRAPH.input, input(SOUND_NOISE, SOUND_NOISE_SHAPE)));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const head = new BinaryWriter().tag(MODEL.graph, WireType.LengthDelimited).uint32(length).finish();
    return [head, ...parts];
  });
  if (found !== 2) {
    throw new SpeechError('bad-model', `${name}: has ${found} nodes RandomNormalLike, must have 2`);
  }
  return Buffer.concat(pieces);
}

/**
 * A message's fields as they are, but for those that `change` has others for. Nothing is copied: a model is large.
 */
function eachField(
  bytes: Uint8Array,
  change: (field: number, content: Uint8Array | null) => Uint8Array[] | null,
): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const pieces: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, type] = reader.tag();
    const content = type === WireType.LengthDelimited ? reader.bytes() : null;
    if (content === null) reader.skip(type, field);
    pieces.push(...(change(field, content) ?? [bytes.subarray(start, reader.pos)]));
  }
  return pieces;
}

function readNode(bytes: Uint8Array): Node {
  const node: Node = { opType: '', inputs: [], outputs: [] };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === NODE.input) node.inputs.push(reader.string());
    else if (field === NODE.output) node.outputs.push(reader.string());
    else if (field === NODE.opType) node.opType = reader.string();
    else reader.skip(type, field);
  }
  return node;
}

const lengthNodes = ({ outputs }: Node) => [writeNode('Identity', [LENGTH_NOISE], outputs)];

/** The noise's frames 0, 1, 2, … of as many as the node's input has, from the beginning again where it ends. */
const soundNodes = ({ inputs, outputs }: Node) => [
  writeNode('Shape', inputs, ['zen_shape']),
  writeNode('Gather', ['zen_shape', 'zen_2'], ['zen_frames'], 0),
  writeNode('Range', ['zen_0', 'zen_frames', 'zen_1'], ['zen_range']),
  writeNode('Mod', ['zen_range', 'zen_noise_frames'], ['zen_places']),
  writeNode('Gather', [SOUND_NOISE, 'zen_places'], outputs, 2),
];
const CONSTANTS: readonly (readonly [string, number])[] = [
  ['zen_0', 0],
  ['zen_1', 1],
  ['zen_2', 2],
  ['zen_noise_frames', SOUND_NOISE_SHAPE[2]],
];

function writeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  axis?: number,
): BinaryWriter {
  const node = new BinaryWriter();
  for (const each of inputs) text(node, NODE.input, each);
  for (const each of outputs) text(node, NODE.output, each);
  text(node, NODE.name, outputs[0]!);
  text(node, NODE.opType, opType);
  if (axis !== undefined) {
    const attribute = new BinaryWriter();
    text(attribute, 1, 'axis');
    attribute.tag(3, WireType.Varint).int64(axis);
    attribute.tag(20, WireType.Varint).int32(2);
    message(node, NODE.attribute, attribute);
  }
  return node;
}

/** An int64 without dimensions. */
function scalar(name: string, value: number): BinaryWriter {
  const tensor = new BinaryWriter();
  tensor.tag(2, WireType.Varint).int32(INT64);
  tensor.tag(7, WireType.Varint).int64(value);
  text(tensor, 8, name);
  return tensor;
}

function input(name: string, dimensions: readonly (number | string)[]): BinaryWriter {
  const shape = new BinaryWriter();
  for (const each of dimensions) {
    const dimension = new BinaryWriter();
    if (typeof each === 'string') text(dimension, 2, each);
    else dimension.tag(1, WireType.Varint).int64(each);
    message(shape, 1, dimension);
  }
  const tensor = new BinaryWriter();
  tensor.tag(1, WireType.Varint).int32(FLOAT);
  message(tensor, 2, shape);
  const type = new BinaryWriter();
  message(type, 1, tensor);
  const value = new BinaryWriter();
  text(value, 1, name);
  message(value, 2, type);
  return value;
}

const fieldOf = (field: number, content: BinaryWriter): Uint8Array => {
  const writer = new BinaryWriter();
  message(writer, field, content);
  return writer.finish();
};

function message(writer: BinaryWriter, field: number, content: BinaryWriter): void {
  writer.tag(field, WireType.LengthDelimited).bytes(content.finish());
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}
