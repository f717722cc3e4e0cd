import { extendCodes, sliceCodes } from './wide-codes';

describe('extendCodes', () => {
  // One row, one group of 32, scale 1/16 (f16 0x2C00), u8 scale 1, zero 8.
  const cols = 32;
  const weights = Float32Array.from({ length: cols }, (_, i) => (i - 16) / 40);
  const codes = Uint8Array.from(weights, (w) => Math.min(15, Math.max(0, Math.round(w * 16 + 8))));
  const base = {
    codes,
    rowScale: Uint16Array.of(0x2c00),
    scale: Uint8Array.of(1),
    zero: Uint8Array.of(136),
    bent: 0,
  };
  const full = extendCodes(weights, base, 1, cols, 4, 32);

  it('keeps the base code as its upper bits', () => {
    expect(sliceCodes(full, 4)).toEqual(codes);
  });

  it('lies within half a fine step of the weight', () => {
    for (const [i, code] of full.entries()) {
      const value = ((code + 0.5) / 16 - 0.5 - 8) / 16;
      expect(Math.abs(value - weights[i]!)).toBeLessThanOrEqual(0.5 / 256 + 1e-6);
    }
  });

  it('stays in the cell of a base code that feedback moved away', () => {
    const moved = { ...base, codes: codes.map((code) => Math.min(15, code + 1)) };
    const extended = extendCodes(weights, moved, 1, cols, 4, 32);
    expect(sliceCodes(extended, 4)).toEqual(moved.codes);
  });
});
