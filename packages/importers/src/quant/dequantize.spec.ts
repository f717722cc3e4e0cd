import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceType } from '@zen/ladder';
import { SOURCE_TYPES } from '@zen/ladder';
import { dequantize } from './dequantize';
import { halfToFloat } from './half';

const GOLDEN: Record<SourceType, { bytes: string; values: string }> = JSON.parse(
  readFileSync(join(__dirname, '../../fixtures/dequantize.json'), 'utf8'),
);

describe('dequantize', () => {
  it.each(SOURCE_TYPES)('gives the bits of the reference for %s', (type) => {
    const { bytes, values } = GOLDEN[type];
    const got = dequantize(type, Buffer.from(bytes, 'base64'));
    expect(got.length).toBeGreaterThan(0);
    expect(Buffer.from(got.buffer).toString('base64')).toBe(values);
  });

  it('reads bytes that do not begin at the start of their buffer', () => {
    const { bytes, values } = GOLDEN.Q4_K;
    const block = Buffer.concat([Buffer.from([1, 2, 3]), Buffer.from(bytes, 'base64')]).subarray(3);
    expect(Buffer.from(dequantize('Q4_K', block).buffer).toString('base64')).toBe(values);
  });

  it('refuses half a block', () => {
    expect(() => dequantize('Q6_K', new Uint8Array(211))).toThrow(
      '211 bytes are not whole Q6_K blocks of 210',
    );
  });
});

describe('halfToFloat', () => {
  it.each([
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('reads %p', (bits, value) => {
    expect(halfToFloat(bits)).toBe(value);
  });

  it('keeps the sign of zero', () => {
    expect(Object.is(halfToFloat(0x8000), -0)).toBe(true);
  });
});
