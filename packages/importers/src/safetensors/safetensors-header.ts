import type { SourceType } from '@zen/ladder';
import type { FileRegions } from '../file-region';
import { SourceError } from '../source-error';
import { tensorBytes } from '../tensor-layout';
import { isObject } from './read-json';

/** Where one tensor lies in a safetensors file. */
export interface SafetensorsTensor {
  name: string;
  shape: [number, number];
  type: SourceType;
  /** From the start of the file. */
  offset: number;
  bytes: number;
}

const MAX_HEADER = 64 * 1024 * 1024;
const MAX_TENSORS = 65_536;
const MAX_WEIGHTS = 2 ** 31;
const TYPES: Readonly<Record<string, SourceType>> = { F32: 'F32', F16: 'F16', BF16: 'BF16' };

/**
 * Reads and checks a safetensors header: eight bytes of length, then JSON. The format demands that the
 * tensors fill the rest of the file without gaps or overlaps, so that a file has one reading only.
 */
export async function readSafetensorsHeader(file: FileRegions): Promise<SafetensorsTensor[]> {
  const bad = (why: string) => new SourceError('bad-format', `${file.path}: ${why}`);
  if (file.size < 10) throw bad(`${file.size} bytes are too few for a header`);
  const prefix = await file.read(0, 8);
  const headerBytes = new DataView(prefix.buffer).getBigUint64(0, true);
  const most = Math.min(MAX_HEADER, file.size - 8);
  if (headerBytes < 2n || headerBytes > BigInt(most)) {
    throw bad(`header length is ${headerBytes}, must be 2 to ${most}`);
  }
  const dataStart = 8 + Number(headerBytes);
  let json: unknown;
  try {
    json = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(await file.read(8, Number(headerBytes))),
    );
  } catch (error) {
    throw new SourceError('bad-format', `${file.path}: the header is not JSON`, { cause: error });
  }
  if (!isObject(json)) throw bad('the header must be an object');
  const entries = Object.entries(json).filter(([name]) => name !== '__metadata__');
  if (entries.length > MAX_TENSORS) throw bad(`${entries.length} tensors, at most ${MAX_TENSORS}`);
  const tensors = entries.map(([name, entry]) => parseEntry(file.path, name, entry, dataStart));
  let end = dataStart;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (tensor.offset !== end)
      throw bad(`tensor ${tensor.name} begins at ${tensor.offset}, must begin at ${end}`);
    end = tensor.offset + tensor.bytes;
  }
  if (end !== file.size) throw bad(`the tensors end at ${end}, the file at ${file.size}`);
  return tensors;
}

function parseEntry(path: string, name: string, entry: unknown, dataStart: number): SafetensorsTensor {
  const bad = (why: string) =>
    new SourceError('bad-format', `${path}: tensor ${JSON.stringify(name)}: ${why}`);
  if (!/^[A-Za-z0-9_.-]{1,200}$/.test(name)) {
    throw bad('a name has 1 to 200 letters, digits, dots, dashes or underscores');
  }
  if (!isObject(entry)) throw bad('must be an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  const type = typeof dtype === 'string' && Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
  if (!type)
    throw new SourceError('unsupported', `${path}: tensor ${name} is ${dtype}; usable are F32, F16, BF16`);
  if (!isCounts(shape) || shape.length < 1 || shape.length > 2)
    throw bad('shape must be one or two whole numbers');
  const [rows, cols] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
  if (rows < 1 || cols < 1 || rows * cols > MAX_WEIGHTS) {
    throw bad(`shape ${rows} × ${cols}, must be 1 to ${MAX_WEIGHTS} weights`);
  }
  if (!isCounts(offsets) || offsets.length !== 2) throw bad('data_offsets must be two whole numbers');
  const bytes = tensorBytes(type, rows, cols)!;
  if (offsets[1]! - offsets[0]! !== bytes) {
    throw bad(`data_offsets span ${offsets[1]! - offsets[0]!} bytes, must be ${bytes}`);
  }
  return { name, shape: [rows, cols], type, offset: dataStart + offsets[0]!, bytes };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
