import { type GGUFParseOutput, gguf } from '@huggingface/gguf';
import { SOURCE_TYPES, type SourceType } from '@zen/ladder';
import { SourceError } from '../source-error';
import { tensorBytes } from '../tensor-layout';
import { isStacked } from './gguf-experts';

/** Where one tensor lies in a GGUF file. */
export interface GgufTensor {
  name: string;
  /** Of one matrix. */
  shape: [number, number];
  type: SourceType;
  /** From the start of the file. */
  offset: number;
  /** Of one matrix. */
  bytes: number;
  /** Matrices one after the other: a mixture's experts, else 1. */
  stack: number;
}

export interface GgufHeader {
  metadata: Readonly<Record<string, unknown>>;
  tensors: GgufTensor[];
}

const MAX_TENSORS = 65_536;
const MAX_STACK = 1_024;
const MAX_NAME = 64;
/** The ladder's own limit on a tensor. */
const MAX_WEIGHTS = 2 ** 31;

/** ggml's numbers of the types that can be used. */
export const TYPE_NUMBERS: Readonly<Record<number, SourceType>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  30: 'BF16',
};

/** Reads and checks a GGUF header; afterwards every tensor is known to lie inside the file. */
export async function readGgufHeader(path: string, fileBytes: number): Promise<GgufHeader> {
  let parsed: GGUFParseOutput;
  try {
    parsed = await gguf(path, { allowLocalFile: true });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new SourceError('bad-format', `${path}: ${detail}`, { cause: error });
  }
  if (!parsed.littleEndian) throw new SourceError('unsupported', `${path}: big-endian GGUF`);
  if (parsed.tensorInfos.length === 0 || parsed.tensorInfos.length > MAX_TENSORS) {
    throw new SourceError(
      'bad-format',
      `${path}: ${parsed.tensorInfos.length} tensors, must be 1 to ${MAX_TENSORS}`,
    );
  }
  const dataOffset = Number(parsed.tensorDataOffset);
  const tensors = parsed.tensorInfos.map((info) => checkTensor(path, info, dataOffset, fileBytes));
  checkApart(path, tensors);
  return { metadata: { ...parsed.metadata }, tensors };
}

function checkTensor(
  path: string,
  info: GGUFParseOutput['tensorInfos'][number],
  dataOffset: number,
  fileBytes: number,
): GgufTensor {
  const bad = (why: string) =>
    new SourceError('bad-format', `${path}: tensor ${JSON.stringify(info.name)}: ${why}`);
  if (!/^[A-Za-z0-9_.-]+$/.test(info.name) || info.name.length > MAX_NAME) {
    throw bad(`a name has 1 to ${MAX_NAME} letters, digits, dots, dashes or underscores`);
  }
  const type = TYPE_NUMBERS[info.dtype];
  if (!type) {
    throw new SourceError(
      'unsupported',
      `${path}: tensor ${info.name} has ggml type ${info.dtype}; usable are ${SOURCE_TYPES.join(', ')}`,
    );
  }
  const dims = info.shape.map(Number);
  // GGUF lists the fastest dimension first; trailing ones say nothing.
  while (dims.length > 1 && dims.at(-1) === 1) dims.pop();
  const [cols = 0, rows = 1, stack = 1] = dims;
  const most = isStacked(info.name) ? 3 : 2;
  if (dims.length > most) throw bad(`${dims.length} dimensions, at most ${most}`);
  if (!(stack >= 1 && stack <= MAX_STACK)) throw bad(`${stack} experts, must be 1 to ${MAX_STACK}`);
  if (!(cols >= 1 && rows >= 1 && rows * cols <= MAX_WEIGHTS)) {
    throw bad(`shape ${rows} × ${cols}, must be 1 to ${MAX_WEIGHTS} weights`);
  }
  const bytes = tensorBytes(type, rows, cols);
  if (bytes === null) throw bad(`${cols} columns are not whole blocks of ${type}`);
  const offset = dataOffset + Number(info.offset);
  const end = offset + stack * bytes;
  if (!Number.isSafeInteger(end) || end > fileBytes) {
    throw bad(`ends at ${end}, the file at ${fileBytes}`);
  }
  return { name: info.name, shape: [rows, cols], type, offset, bytes, stack };
}

function checkApart(path: string, tensors: readonly GgufTensor[]): void {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) throw new SourceError('bad-format', `${path}: tensor ${name} appears twice`);
    names.add(name);
  }
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset);
  ordered.reduce((before, tensor) => {
    if (before.offset + before.stack * before.bytes > tensor.offset) {
      throw new SourceError('bad-format', `${path}: tensors ${before.name} and ${tensor.name} overlap`);
    }
    return tensor;
  });
}
