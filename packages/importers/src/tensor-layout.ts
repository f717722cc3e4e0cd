import type { SourceType } from '@zen/ladder';

/** How a type lays out its weights: blocks of `weights` values in `bytes` bytes. */
export interface BlockLayout {
  weights: number;
  bytes: number;
}

export const BLOCK_LAYOUT: Readonly<Record<SourceType, BlockLayout>> = {
  F32: { weights: 1, bytes: 4 },
  F16: { weights: 1, bytes: 2 },
  BF16: { weights: 1, bytes: 2 },
  Q4_0: { weights: 32, bytes: 2 + 16 },
  Q4_1: { weights: 32, bytes: 4 + 16 },
  Q5_0: { weights: 32, bytes: 2 + 4 + 16 },
  Q5_1: { weights: 32, bytes: 4 + 4 + 16 },
  Q8_0: { weights: 32, bytes: 2 + 32 },
  Q4_K: { weights: 256, bytes: 4 + 12 + 128 },
  Q5_K: { weights: 256, bytes: 4 + 12 + 32 + 128 },
  Q6_K: { weights: 256, bytes: 128 + 64 + 16 + 2 },
};

/** Bytes of a tensor, or null where a row is not a whole number of blocks. */
export function tensorBytes(type: SourceType, rows: number, cols: number): number | null {
  const { weights, bytes } = BLOCK_LAYOUT[type];
  return cols % weights === 0 ? (rows * cols * bytes) / weights : null;
}
