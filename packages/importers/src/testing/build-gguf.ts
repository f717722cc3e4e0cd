import type { SourceType } from '@zen/ladder';
import { BLOCK_LAYOUT } from '../tensor-layout';

export type GgufValue = string | boolean | number | { f32: number } | string[] | { ids: number[] };

export interface GgufTensorSpec {
  name: string;
  /** [rows, cols]. */
  shape: number[];
  type?: SourceType;
  /** ggml's number instead of `type`, for tests of refusals. */
  typeNumber?: number;
  /** Offset instead of the next free one. */
  offset?: number;
  data?: Uint8Array;
}

const NUMBERS: Readonly<Record<SourceType, number>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
  BF16: 30,
};

/** Writes a GGUF file of version 3 for tests. */
export function buildGguf(metadata: Readonly<Record<string, GgufValue>>, tensors: GgufTensorSpec[]): Buffer {
  const parts: Buffer[] = [
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(Object.keys(metadata).length),
  ];
  for (const [key, value] of Object.entries(metadata)) parts.push(text(key), typed(value));
  let at = 0;
  const data: Buffer[] = [];
  for (const tensor of tensors) {
    const offset = tensor.offset ?? at;
    const bytes = Buffer.alloc(sizeOf(tensor), tensor.data);
    parts.push(text(tensor.name), u32(tensor.shape.length));
    for (const dim of [...tensor.shape].reverse()) parts.push(u64(dim));
    parts.push(u32(tensor.typeNumber ?? NUMBERS[tensor.type ?? 'F32']), u64(offset));
    data.push(bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32));
    at += Math.ceil(bytes.length / 32) * 32;
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), ...data]);
}

function sizeOf(tensor: GgufTensorSpec): number {
  if (tensor.data) return tensor.data.length;
  const { weights, bytes } = BLOCK_LAYOUT[tensor.type ?? 'F32'];
  return Math.ceil((tensor.shape.reduce((a, b) => a * b, 1) * bytes) / weights);
}

function typed(value: GgufValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([u32(8), text(value)]);
  if (typeof value === 'boolean') return Buffer.concat([u32(7), Buffer.from([value ? 1 : 0])]);
  if (typeof value === 'number') return Buffer.concat([u32(4), u32(value)]);
  if (Array.isArray(value)) return Buffer.concat([u32(9), u32(8), u64(value.length), ...value.map(text)]);
  if ('f32' in value) {
    const float = Buffer.alloc(4);
    float.writeFloatLE(value.f32);
    return Buffer.concat([u32(6), float]);
  }
  return Buffer.concat([u32(9), u32(4), u64(value.ids.length), ...value.ids.map(u32)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
