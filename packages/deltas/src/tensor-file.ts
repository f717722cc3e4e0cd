import { DeltaError } from './delta-error';
import { Fields } from './fields';
import { fromBfloat, fromHalf } from './float16';

/** A file, or bytes in memory, that can be read anywhere. */
export interface ByteSource {
  size: number;
  /** Exactly `bytes` bytes from `offset`. */
  read(offset: number, bytes: number): Promise<Uint8Array>;
}

export function bytesOf(data: Uint8Array): ByteSource {
  return { size: data.byteLength, read: async (offset, bytes) => data.subarray(offset, offset + bytes) };
}

interface Place {
  dtype: 'F32' | 'F16' | 'BF16';
  shape: number[];
  offset: number;
  bytes: number;
}

const MAX_HEADER = 64 * 1024 * 1024;
const MAX_TENSORS = 65_536;
const BYTES = { F32: 4, F16: 2, BF16: 2 } as const;

/** The floating-point tensors of any safetensors file: what an adapter or a fine-tuned model comes in. */
export class TensorFile {
  private constructor(
    private readonly source: ByteSource,
    private readonly places: Map<string, Place>,
  ) {}

  static async open(source: ByteSource): Promise<TensorFile> {
    if (source.size < 10) throw new DeltaError('truncated', `${source.size} bytes are less than a header`);
    const start = Buffer.from(await source.read(0, 8));
    const length = start.readBigUInt64LE();
    const most = Math.min(MAX_HEADER, source.size - 8);
    if (length < 2n || length > BigInt(most)) {
      throw new DeltaError('invalid', `the header has ${length} bytes, must have 2 to ${most}`);
    }
    let json: unknown;
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(await source.read(8, Number(length)));
      json = JSON.parse(text);
    } catch (error) {
      throw new DeltaError('invalid', 'the header is not JSON', { cause: error });
    }
    const header = Fields.of(json, '');
    const names = header.keys().filter((name) => name !== '__metadata__');
    if (names.length > MAX_TENSORS)
      throw new DeltaError('too-large', `${names.length} tensors, at most ${MAX_TENSORS}`);
    const dataStart = 8 + Number(length);
    const places = new Map(names.map((name) => [name, placeOf(header.child(name), dataStart, source.size)]));
    return new TensorFile(source, places);
  }

  get names(): string[] {
    return [...this.places.keys()];
  }

  shape(name: string): readonly number[] | null {
    return this.places.get(name)?.shape ?? null;
  }

  /** A tensor's values as float32, exact; null where there is none. */
  async read(name: string): Promise<Float32Array | null> {
    const place = this.places.get(name);
    if (place === undefined) return null;
    const bytes = await this.source.read(place.offset, place.bytes);
    // A copy lies at an address that fits every type, whatever the file's offsets are.
    const copy = new Uint8Array(bytes);
    if (place.dtype === 'F32') return new Float32Array(copy.buffer, copy.byteOffset, copy.byteLength / 4);
    const words = new Uint16Array(copy.buffer, copy.byteOffset, copy.byteLength / 2);
    return Float32Array.from(words, place.dtype === 'F16' ? fromHalf : fromBfloat);
  }
}

function placeOf(entry: Fields, dataStart: number, size: number): Place {
  const dtype = entry.choice('dtype', ['F32', 'F16', 'BF16']);
  const shape = counts(entry, 'shape', 4);
  const offsets = counts(entry, 'data_offsets', 2);
  const bytes = shape.reduce((product, side) => product * side, BYTES[dtype]);
  if (offsets.length !== 2 || offsets[1]! - offsets[0]! !== bytes || dataStart + offsets[1]! > size) {
    throw entry.refuse('data_offsets', `must span ${bytes} bytes within the file`);
  }
  return { dtype, shape, offset: dataStart + offsets[0]!, bytes };
}

function counts(entry: Fields, name: string, most: number): number[] {
  const list = entry.list(name, most);
  if (!list.every((item) => Number.isSafeInteger(item) && (item as number) >= 0)) {
    throw entry.refuse(name, 'must hold whole numbers');
  }
  return list as number[];
}
