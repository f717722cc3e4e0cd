import type { SourceType } from '@zen/ladder';
import { SourceError } from '../source-error';
import { BLOCK_LAYOUT } from '../tensor-layout';
import { halfToFloat } from './half';

/** Writes the values of the block at `at` to `out[to …]`. */
type BlockReader = (view: DataView, at: number, out: Float32Array, to: number) => void;

const round = Math.fround;

/**
 * Values of a tensor's bytes: the slow reference of what the engine's native code does. Every operation is
 * rounded to float32 in the order of the ladder format, so both agree bit by bit.
 */
export function dequantize(type: SourceType, bytes: Uint8Array): Float32Array {
  const layout = BLOCK_LAYOUT[type];
  if (bytes.byteLength % layout.bytes !== 0) {
    throw new SourceError(
      'wrong-length',
      `${bytes.byteLength} bytes are not whole ${type} blocks of ${layout.bytes}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = bytes.byteLength / layout.bytes;
  const out = new Float32Array(blocks * layout.weights);
  const read = READERS[type];
  for (let block = 0; block < blocks; block++) read(view, block * layout.bytes, out, block * layout.weights);
  return out;
}

const half = (view: DataView, at: number) => halfToFloat(view.getUint16(at, true));

/** Low nibbles are the first 16 columns, high nibbles the last 16. */
const nibble = (view: DataView, at: number, column: number) =>
  column < 16 ? view.getUint8(at + column) & 15 : view.getUint8(at + column - 16) >> 4;

/** Blocks of 32 with `d`, perhaps `m`, perhaps a fifth bit per column. */
function simple(fifth: boolean, minimum: boolean, zero: number): BlockReader {
  return (view, at, out, to) => {
    const d = half(view, at);
    const m = minimum ? half(view, at + 2) : 0;
    let codes = at + (minimum ? 4 : 2);
    const high = fifth ? view.getUint32(codes, true) : 0;
    if (fifth) codes += 4;
    for (let column = 0; column < 32; column++) {
      const code = nibble(view, codes, column) | (((high >>> column) & 1) << 4);
      const product = round(d * (code - zero));
      out[to + column] = minimum ? product + m : product;
    }
  };
}

/** Scale and minimum of group `g` of 8, six bits each, packed in 12 bytes. */
function kScale(view: DataView, at: number, g: number): [number, number] {
  const byte = (index: number) => view.getUint8(at + index);
  if (g < 4) return [byte(g) & 63, byte(g + 4) & 63];
  return [(byte(g + 4) & 15) | ((byte(g - 4) >> 6) << 4), (byte(g + 4) >> 4) | ((byte(g) >> 6) << 4)];
}

/** Q4_K and Q5_K: eight groups of 32 with `(d·sc)·c − dmin·m`. */
function superBlock(fifth: boolean): BlockReader {
  return (view, at, out, to) => {
    const d = half(view, at);
    const dmin = half(view, at + 2);
    const high = at + 16;
    const low = high + (fifth ? 32 : 0);
    for (let g = 0; g < 8; g++) {
      const [sc, m] = kScale(view, at + 4, g);
      const scale = round(d * sc);
      const minimum = round(dmin * m);
      for (let column = 0; column < 32; column++) {
        const pair = view.getUint8(low + (g >> 1) * 32 + column);
        let code = g % 2 === 0 ? pair & 15 : pair >> 4;
        if (fifth) code |= ((view.getUint8(high + column) >> g) & 1) << 4;
        out[to + g * 32 + column] = round(scale * code) - minimum;
      }
    }
  };
}

/** Q6_K: sixteen groups of 16 with `(d·sc)·(c − 32)`. */
const q6k: BlockReader = (view, at, out, to) => {
  const d = half(view, at + 208);
  for (let i = 0; i < 256; i++) {
    const part = i >> 7;
    const row = (i >> 5) & 3;
    const column = i & 31;
    const pair = view.getUint8(at + part * 64 + (row & 1) * 32 + column);
    const low = row < 2 ? pair & 15 : pair >> 4;
    const high = (view.getUint8(at + 128 + part * 32 + column) >> (row * 2)) & 3;
    const scale = round(d * view.getInt8(at + 192 + (i >> 4)));
    out[to + i] = scale * ((low | (high << 4)) - 32);
  }
};

const READERS: Readonly<Record<SourceType, BlockReader>> = {
  F32: (view, at, out, to) => {
    out[to] = view.getFloat32(at, true);
  },
  F16: (view, at, out, to) => {
    out[to] = half(view, at);
  },
  BF16: (view, at, out, to) => {
    // The upper half of a float32.
    SCRATCH.setUint32(0, view.getUint16(at, true) << 16);
    out[to] = SCRATCH.getFloat32(0);
  },
  Q4_0: simple(false, false, 8),
  Q4_1: simple(false, true, 0),
  Q5_0: simple(true, false, 16),
  Q5_1: simple(true, true, 0),
  Q8_0: (view, at, out, to) => {
    const d = half(view, at);
    for (let column = 0; column < 32; column++) out[to + column] = d * view.getInt8(at + 2 + column);
  },
  Q4_K: superBlock(false),
  Q5_K: superBlock(true),
  Q6_K: q6k,
};

const SCRATCH = new DataView(new ArrayBuffer(4));
