import { HearingError } from '../hearing-error';

/** Binary format and model that are read. */
const FORMAT_VERSION = 6;
const SPEC = 'WhisperSpec';
const REVISION = 3;
const MAX_TENSORS = 4_096;
const MAX_NAME = 256;
const MAX_RANK = 3;
/** By CTranslate2's numbers. */
const TYPES = { 0: 4, 1: 1, 2: 2, 3: 4, 4: 2 } as const;
const TYPE_FLOAT16 = 4;
const TYPE_FLOAT32 = 0;

export interface Ct2Tensor {
  shape: readonly number[];
  type: keyof typeof TYPES;
  /** Little-endian; not aligned. */
  data: Uint8Array;
}

/** The tensors of a CTranslate2 Whisper model by name. */
export class Ct2Weights {
  private constructor(private readonly tensors: ReadonlyMap<string, Ct2Tensor>) {}

  /** @throws HearingError `bad-model` naming tensor, field and limit */
  static parse(file: Uint8Array): Ct2Weights {
    const read = new Reader(file);
    const version = read.uint(4, 'format version');
    if (version !== FORMAT_VERSION) throw bad(`format version ${version}, must be ${FORMAT_VERSION}`);
    const spec = read.text('model name');
    const revision = read.uint(4, 'revision');
    if (spec !== SPEC || revision !== REVISION) {
      throw bad(`model ${JSON.stringify(spec)} revision ${revision}, must be ${SPEC} revision ${REVISION}`);
    }
    const tensors = new Map<string, Ct2Tensor>();
    const count = read.uint(4, 'number of tensors');
    if (count > MAX_TENSORS) throw bad(`${count} tensors, limit ${MAX_TENSORS}`);
    for (let i = 0; i < count; i++) {
      const name = read.text(`name of tensor ${i}`);
      if (tensors.has(name)) throw bad(`tensor ${name}: twice`);
      tensors.set(name, readTensor(read, name));
    }
    const aliases = read.uint(4, 'number of aliases');
    if (aliases > MAX_TENSORS) throw bad(`${aliases} aliases, limit ${MAX_TENSORS}`);
    for (let i = 0; i < aliases; i++) {
      const name = read.text(`name of alias ${i}`);
      const target = tensors.get(read.text(`target of alias ${name}`));
      if (!target || tensors.has(name)) throw bad(`alias ${name}: stands for nothing, or is a tensor`);
      tensors.set(name, target);
    }
    if (read.left > 0) throw bad(`${read.left} bytes after the last alias`);
    return new Ct2Weights(tensors);
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  shape(name: string): readonly number[] {
    return this.tensor(name).shape;
  }

  /** A whole number that stands in the file as a tensor without dimensions. */
  integer(name: string): number {
    const { shape, data } = this.tensor(name);
    if (shape.length > 0 || data.length > 4) throw bad(`tensor ${name}: must be one whole number`);
    return data.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  }

  /** A tensor of exactly this shape as float32. */
  floats(name: string, shape: readonly number[]): Float32Array {
    const { type, data } = this.checked(name, shape);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const size = TYPES[type];
    const out = new Float32Array(data.length / size);
    if (type === TYPE_FLOAT32) for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
    else {
      const table = halfTable();
      for (let i = 0; i < out.length; i++) out[i] = table[view.getUint16(2 * i, true)]!;
    }
    return out;
  }

  /** The bytes of a half precision tensor of exactly this shape. */
  halves(name: string, shape: readonly number[]): Uint8Array {
    const { type, data } = this.checked(name, shape);
    if (type !== TYPE_FLOAT16) throw bad(`tensor ${name}: must be float16`);
    return data;
  }

  private checked(name: string, shape: readonly number[]): Ct2Tensor {
    const tensor = this.tensor(name);
    if (tensor.shape.join() !== shape.join()) {
      throw bad(`tensor ${name}: shape ${tensor.shape.join('×')}, must be ${shape.join('×')}`);
    }
    if (tensor.type !== TYPE_FLOAT16 && tensor.type !== TYPE_FLOAT32) {
      throw bad(`tensor ${name}: type ${tensor.type}, must be float32 or float16`);
    }
    return tensor;
  }

  private tensor(name: string): Ct2Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw bad(`tensor ${name} is missing`);
    return tensor;
  }
}

function readTensor(read: Reader, name: string): Ct2Tensor {
  const rank = read.uint(1, `rank of ${name}`);
  if (rank > MAX_RANK) throw bad(`tensor ${name}: rank ${rank}, limit ${MAX_RANK}`);
  const shape = Array.from({ length: rank }, () => read.uint(4, `shape of ${name}`));
  const type = read.uint(1, `type of ${name}`);
  if (!(type in TYPES)) throw bad(`tensor ${name}: type ${type} is not known`);
  const known = type as keyof typeof TYPES;
  const bytes = read.uint(4, `bytes of ${name}`);
  const wanted = shape.reduce((product, dim) => product * dim, TYPES[known]);
  if (bytes !== wanted) throw bad(`tensor ${name}: ${bytes} bytes, its shape has ${wanted}`);
  return { shape, type: known, data: read.bytes(bytes, name) };
}

class Reader {
  private at = 0;

  constructor(private readonly file: Uint8Array) {}

  get left(): number {
    return this.file.length - this.at;
  }

  uint(size: 1 | 2 | 4, field: string): number {
    return this.bytes(size, field).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  }

  /** Two bytes of length, which counts the zero at the end. */
  text(field: string): string {
    const length = this.uint(2, field);
    if (length < 1 || length > MAX_NAME) throw bad(`${field}: ${length} bytes, must be 1 to ${MAX_NAME}`);
    const bytes = this.bytes(length, field);
    if (bytes[length - 1] !== 0) throw bad(`${field}: must end in a zero`);
    return Buffer.from(bytes.subarray(0, -1)).toString('latin1');
  }

  bytes(length: number, field: string): Uint8Array {
    if (length > this.left) throw bad(`${field}: ${length} bytes, ${this.left} are left`);
    this.at += length;
    return this.file.subarray(this.at - length, this.at);
  }
}

let halves: Float32Array | null = null;

/** The value of every half precision pattern. */
function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (0x400 + fraction) * 2 ** (exponent - 25);
  });
  return halves;
}

function bad(what: string): HearingError {
  return new HearingError('bad-model', `model.bin: ${what}`);
}
