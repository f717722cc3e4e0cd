import type { SourceType } from './source-model';

/** Sizes that follow from a source type; the same table as in docs/ladder-format.md. */
export interface SourceFormat {
  /** Width of a code, 0 for plain floats. */
  bits: number;
  /** Columns that a block of the source holds. */
  blockWeights: number;
  blockBytes: number;
  /** Columns that share a scale. */
  group: number;
  /** Bytes of `params` per row and group, of `supers` per row and 256 columns. */
  paramBytes: number;
  superBytes: number;
}

const format = (
  bits: number,
  blockWeights: number,
  blockBytes: number,
  group: number,
  paramBytes: number,
  superBytes: number,
): SourceFormat => ({ bits, blockWeights, blockBytes, group, paramBytes, superBytes });

export const SOURCE_FORMATS: Readonly<Record<SourceType, SourceFormat>> = {
  F32: format(0, 1, 4, 0, 0, 0),
  F16: format(0, 1, 2, 0, 0, 0),
  BF16: format(0, 1, 2, 0, 0, 0),
  Q4_0: format(4, 32, 18, 32, 2, 0),
  Q4_1: format(4, 32, 20, 32, 4, 0),
  Q5_0: format(5, 32, 22, 32, 2, 0),
  Q5_1: format(5, 32, 24, 32, 4, 0),
  Q8_0: format(8, 32, 34, 32, 2, 0),
  Q4_K: format(4, 256, 144, 32, 2, 4),
  Q5_K: format(5, 256, 176, 32, 2, 4),
  Q6_K: format(6, 256, 210, 16, 1, 2),
};

const TILE_ROWS = 16;
const paddedRows = (rows: number) => Math.ceil(rows / TILE_ROWS) * TILE_ROWS;

export const planeBytes = (rows: number, cols: number, width: number) =>
  (paddedRows(rows) * cols * width) / 8;
export const rowScaleBytes = (rows: number) => paddedRows(rows) * 2;
export const groupBytes = (rows: number, cols: number, group: number) =>
  paddedRows(rows) * Math.ceil(cols / group) * 2;
export const paramBytes = (type: SourceType, rows: number, cols: number) =>
  (paddedRows(rows) * cols * SOURCE_FORMATS[type].paramBytes) / SOURCE_FORMATS[type].group;
export const superBytes = (type: SourceType, rows: number, cols: number) =>
  (paddedRows(rows) * cols * SOURCE_FORMATS[type].superBytes) / 256;
export const sourceBytes = (type: SourceType, rows: number, cols: number) =>
  (rows * cols * SOURCE_FORMATS[type].blockBytes) / SOURCE_FORMATS[type].blockWeights;

/** How a code's bits are cut into planes, most significant first. */
export function planeWidths(bits: number): number[] {
  const widths: Record<number, number[]> = {
    1: [1],
    2: [2],
    3: [2, 1],
    4: [4],
    5: [4, 1],
    6: [4, 2],
    7: [4, 2, 1],
    8: [4, 4],
  };
  const found = widths[bits];
  if (found === undefined) throw new RangeError(`no planes for ${bits} bits`);
  return found;
}
