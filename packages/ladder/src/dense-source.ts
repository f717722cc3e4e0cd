import { createHash } from 'node:crypto';
import type { NativeQuant } from '@zen/engine';
import { isRouter } from './ladder-config';
import { LadderError } from './ladder-error';
import { modelTensors } from './model-tensors';
import type { DenseReader } from './reference-model';
import { sourceBytes } from './source-format';
import type { SourceModel, SourceTensor } from './source-model';

/** Checks that a source has the tensors of its model in the right shapes; returns them by name. */
export function sourceTensors(source: SourceModel): Map<string, SourceTensor> {
  const expected = modelTensors(source.config);
  const found = new Map<string, SourceTensor>();
  for (const tensor of source.tensors) {
    const known = expected.get(tensor.name);
    if (known === undefined) {
      throw new LadderError(
        'unsupported',
        `tensor ${tensor.name} does not belong to a ${source.config.architecture} model`,
      );
    }
    if (known.shape[0] !== tensor.shape[0] || known.shape[1] !== tensor.shape[1]) {
      throw new LadderError(
        'unsupported',
        `tensor ${tensor.name} has shape [${tensor.shape}], must be [${known.shape}]`,
      );
    }
    if (isRouter(tensor.name) && tensor.type !== 'F32') {
      throw new LadderError('unsupported', `tensor ${tensor.name} is ${tensor.type}, must be F32`);
    }
    found.set(tensor.name, tensor);
  }
  for (const [name, { needed }] of expected) {
    if (needed && !found.has(name))
      throw new LadderError('unsupported', `tensor ${name} is missing in the source`);
  }
  return found;
}

/** A tensor's own bytes, of the size that its shape and type ask for. */
export async function tensorBytes(tensor: SourceTensor): Promise<Uint8Array> {
  const bytes = await tensor.bytes();
  const expected = sourceBytes(tensor.type, ...tensor.shape);
  if (bytes.byteLength !== expected) {
    throw new LadderError(
      'unsupported',
      `tensor ${tensor.name} has ${bytes.byteLength} bytes, must have ${expected}`,
    );
  }
  return bytes;
}

/** Reads dequantized source tensors; `keep` holds them in memory for repeated passes. */
export function denseSource(
  quant: NativeQuant,
  tensors: Map<string, SourceTensor>,
  keep: boolean,
): DenseReader {
  const kept = new Map<string, Promise<Float32Array>>();
  return async (name) => {
    const known = kept.get(name);
    if (known !== undefined) return known;
    const tensor = tensors.get(name);
    if (tensor === undefined) return null;
    const values = tensorBytes(tensor).then((bytes) => quant.dequantize(tensor.type, bytes, ...tensor.shape));
    if (keep) kept.set(name, values);
    return values;
  };
}

/** SHA-256 over all tensors in order of name: what `source.tensorsSha256` says. */
export async function hashTensors(
  names: Iterable<string>,
  read: (name: string) => Promise<Float32Array>,
  progress: (done: number, total: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const [index, name] of sorted.entries()) {
    const values = await read(name);
    hash.update(name).update(new Uint8Array(1));
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    progress(index + 1, sorted.length);
  }
  return hash.digest('hex');
}
