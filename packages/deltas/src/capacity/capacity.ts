import type { BaseShape } from './base-shape';
import { type DeltaSize, deltaDataBytes } from './delta-size';
import { slotBytes } from './slot-size';

/** Tokens of a KV block: a sequence takes whole blocks. */
const BLOCK_TOKENS = 16;

export interface CapacityQuestion {
  base: BaseShape;
  delta: DeltaSize;
  /** Memory that weights, KV cache and delta slots share, bytes: what is left when everything else has its part. */
  usableBytes: number;
  /** Bits of a weight of the base as it lies in that memory. */
  weightBits: number;
  kvType: 'f16' | 'int8';
  /** Sequences that decode at once, each with this many tokens in the KV cache. */
  sequences: number;
  contextTokens: number;
  /** Room for deltas in host memory and on the replica's disk, bytes. */
  hostBytes: number;
  diskBytes: number;
}

export interface Capacity {
  /** Of one delta's data, as it lies in host memory, on disk and in the store. */
  deltaBytes: number;
  /** Of the slot that it takes in the engine. */
  slotBytes: number;
  weightsBytes: number;
  kvBytesPerToken: number;
  kvBytes: number;
  /** For delta slots; negative where weights and KV cache alone do not fit. */
  leftBytes: number;
  /** Deltas in slots, ready for the next step. */
  resident: number;
  /** Deltas that a replica has besides those, in host memory and on disk. */
  host: number;
  disk: number;
  /** Deltas that would fit if nothing ever decoded: no KV cache. What a quotient of storage promises. */
  withoutKv: number;
}

/** Pure arithmetic; nothing is measured and nothing is rounded in favour of the answer. */
export function capacity(question: CapacityQuestion): Capacity {
  const { base, usableBytes, sequences, contextTokens, hostBytes, diskBytes } = question;
  const deltaBytes = deltaDataBytes(base, question.delta);
  const slot = slotBytes(base, question.delta);
  const weightsBytes = Math.ceil((base.parameters * question.weightBits) / 8);
  const blockBytes = kvBlockBytes(base, question.kvType);
  const kvBytes = sequences * Math.ceil(contextTokens / BLOCK_TOKENS) * blockBytes;
  const leftBytes = usableBytes - weightsBytes - kvBytes;
  const fit = (bytes: number, each: number) => Math.max(0, Math.floor(bytes / each));
  return {
    deltaBytes,
    slotBytes: slot,
    weightsBytes,
    kvBytesPerToken: blockBytes / BLOCK_TOKENS,
    kvBytes,
    leftBytes,
    resident: fit(leftBytes, slot),
    host: fit(hostBytes, deltaBytes),
    disk: fit(diskBytes, deltaBytes),
    withoutKv: fit(usableBytes - weightsBytes, slot),
  };
}

/** Keys and values of 16 tokens in all layers; int8 keeps a float32 scale for each key and each value of a head. */
export function kvBlockBytes(base: BaseShape, kvType: 'f16' | 'int8'): number {
  const values = 2 * base.headSize * BLOCK_TOKENS;
  const head = kvType === 'f16' ? 2 * values : values + 2 * 4 * BLOCK_TOKENS;
  return base.layers * base.kvHeads * head;
}
