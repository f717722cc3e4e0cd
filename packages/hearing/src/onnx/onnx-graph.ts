import { OnnxMessage } from './onnx-message';

/** Element types by ONNX's numbers. */
export const ONNX_TYPE = { float: 1, uint8: 2, int64: 7, float16: 10 } as const;
export type OnnxType = keyof typeof ONNX_TYPE;
/** A number, or the name of a size that a call decides. */
export type OnnxDim = number | string;
export type OnnxAttribute = number | string | readonly number[] | { float: number };

/** Operators of ONNX Runtime beside the standard's. */
const RUNTIME_DOMAIN = 'com.microsoft';
const RUNTIME_OPERATORS = new Set(['Gelu', 'MatMulNBits', 'MultiHeadAttention']);
const IR_VERSION = 8;
const OPSET = 17;

/** Builds an ONNX model operator by operator. Names of values are made here; those of in- and outputs are given. */
export class OnnxGraph {
  private readonly nodes: OnnxMessage[] = [];
  private readonly constants: OnnxMessage[] = [];
  private readonly inputs: OnnxMessage[] = [];
  private readonly outputs: OnnxMessage[] = [];
  private readonly known = new Map<string, string>();
  private count = 0;

  input(name: string, type: OnnxType, dims: readonly OnnxDim[]): string {
    this.inputs.push(valueInfo(name, type, dims));
    return name;
  }

  /** Gives a value a name of its own that a call can ask for. */
  output(value: string, name: string, type: OnnxType, dims: readonly OnnxDim[]): void {
    this.nodes.push(node('Identity', [value], [name], {}));
    this.outputs.push(valueInfo(name, type, dims));
  }

  constant(type: OnnxType, dims: readonly number[], data: Uint8Array): string {
    const name = this.name('constant');
    const tensor = new OnnxMessage();
    for (const dim of dims) tensor.integer(1, dim);
    this.constants.push(tensor.integer(2, ONNX_TYPE[type]).text(8, name).data(9, data));
    return name;
  }

  floats(values: Float32Array | readonly number[], dims: readonly number[]): string {
    const data = values instanceof Float32Array ? values : Float32Array.from(values);
    return this.constant('float', dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** Whole numbers, as shapes and axes are given; equal ones are written once. */
  integers(...values: number[]): string {
    const key = values.join();
    const there = this.known.get(key);
    if (there) return there;
    const data = BigInt64Array.from(values, BigInt);
    const name = this.constant('int64', [values.length], new Uint8Array(data.buffer));
    this.known.set(key, name);
    return name;
  }

  /** The first output of an operator. */
  add(operator: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}): string {
    return this.split(operator, inputs, 1, attributes)[0]!;
  }

  /** All outputs of an operator that has several. */
  split(
    operator: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Record<string, OnnxAttribute> = {},
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.name('value'));
    this.nodes.push(node(operator, inputs, names, attributes));
    return names;
  }

  /** The file, in pieces. */
  finish(name: string): Uint8Array[] {
    const graph = new OnnxMessage();
    for (const one of this.nodes) graph.message(1, one);
    graph.text(2, name);
    for (const one of this.constants) graph.message(5, one);
    for (const one of this.inputs) graph.message(11, one);
    for (const one of this.outputs) graph.message(12, one);
    return new OnnxMessage()
      .integer(1, IR_VERSION)
      .text(2, 'zen')
      .message(7, graph)
      .message(8, new OnnxMessage().text(1, '').integer(2, OPSET))
      .message(8, new OnnxMessage().text(1, RUNTIME_DOMAIN).integer(2, 1)).pieces;
  }

  private name(prefix: string): string {
    this.count += 1;
    return `${prefix}${this.count}`;
  }
}

function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Record<string, OnnxAttribute>,
): OnnxMessage {
  const message = new OnnxMessage();
  for (const input of inputs) message.text(1, input);
  for (const output of outputs) message.text(2, output);
  message.text(4, operator);
  for (const [name, value] of Object.entries(attributes)) message.message(5, attribute(name, value));
  if (RUNTIME_OPERATORS.has(operator)) message.text(7, RUNTIME_DOMAIN);
  return message;
}

function attribute(name: string, value: OnnxAttribute): OnnxMessage {
  const message = new OnnxMessage().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, 2);
  if (typeof value === 'string') return message.text(4, value).integer(20, 3);
  if ('float' in value) return message.float(2, value.float).integer(20, 1);
  for (const one of value) message.integer(8, one);
  return message.integer(20, 7);
}

function valueInfo(name: string, type: OnnxType, dims: readonly OnnxDim[]): OnnxMessage {
  const shape = new OnnxMessage();
  for (const dim of dims) {
    const message = new OnnxMessage();
    shape.message(1, typeof dim === 'number' ? message.integer(1, dim) : message.text(2, dim));
  }
  const tensor = new OnnxMessage().integer(1, ONNX_TYPE[type]).message(2, shape);
  return new OnnxMessage().text(1, name).message(2, new OnnxMessage().message(1, tensor));
}
