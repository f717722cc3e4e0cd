import { DeltaError } from './delta-error';
import { type DeltaManifest, MAX_DATA_BYTES, type PartManifest } from './manifest';
import { MODULES, type Module } from './modules';

/** One tensor of a delta file. */
export interface DeltaTensor {
  /** `q.signs`, `down.scales` and so on. */
  name: string;
  module: Module;
  array: 'signs' | 'scales' | 'a' | 'b' | 'v';
  /** U8 holds bits, eight a byte. */
  dtype: 'F16' | 'BF16' | 'U8';
  /** Layers first; the last of a U8 tensor is in bytes. */
  shape: number[];
  /** Of a U8 tensor: bits of a row that mean something; those behind them are zero. */
  rowBits: number;
  /** From the start of the data. */
  offset: number;
  bytes: number;
}

/**
 * The tensors that follow from a manifest, in the order of their bytes: 16-bit ones first, so that each begins at a
 * multiple of its size, then by name.
 */
export function tensorTable({ parts }: Pick<DeltaManifest, 'parts'>): DeltaTensor[] {
  const tensors = MODULES.flatMap((module) => {
    const part = parts[module];
    return part === undefined ? [] : arraysOf(module, part);
  });
  tensors.sort((a, b) => Number(a.dtype === 'U8') - Number(b.dtype === 'U8') || (a.name < b.name ? -1 : 1));
  let offset = 0;
  return tensors.map((tensor) => {
    const bytes = tensor.shape.reduce((product, side) => product * side, tensor.dtype === 'U8' ? 1 : 2);
    const placed = { ...tensor, offset, bytes };
    offset += bytes;
    return placed;
  });
}

/** Bytes of all tensors of a manifest. */
export function dataBytes(manifest: Pick<DeltaManifest, 'parts'>): number {
  const bytes = tensorTable(manifest).reduce((sum, tensor) => sum + tensor.bytes, 0);
  if (bytes > MAX_DATA_BYTES) {
    throw new DeltaError('too-large', `the parts have ${bytes} bytes, at most ${MAX_DATA_BYTES}`);
  }
  return bytes;
}

type Unplaced = Omit<DeltaTensor, 'offset' | 'bytes'>;

function arraysOf(module: Module, part: PartManifest): Unplaced[] {
  const layers = part.layers.length;
  const make = (array: DeltaTensor['array'], dtype: DeltaTensor['dtype'], shape: number[], rowBits = 0) => ({
    name: `${module}.${array}`,
    module,
    array,
    dtype,
    shape: [layers, ...shape],
    rowBits,
  });
  const bits = (array: DeltaTensor['array'], rows: number, rowBits: number) =>
    make(array, 'U8', [rows, Math.ceil(rowBits / 8)], rowBits);
  switch (part.form) {
    case 'dense1':
      return [bits('signs', part.out, part.in), make('scales', 'F16', [part.out, part.in / part.group])];
    case 'lora1':
      return [
        bits('a', part.rank, part.in),
        bits('b', part.rank, part.out),
        make('scales', 'F16', [part.rank]),
      ];
    case 'lora16':
      return [make('a', 'BF16', [part.rank, part.in]), make('b', 'BF16', [part.out, part.rank])];
    case 'vec':
      return [make('v', 'F16', [part.out])];
  }
}
