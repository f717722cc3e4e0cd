import type { DeltaPart } from '@zen/engine';
import { applyDelta } from '../apply-delta';
import { fromHalf, toHalf } from '../float16';
import { random } from '../sample-delta.fixture';
import { encodeDense1 } from './encode-dense1';
import { encodeLora1 } from './encode-lora1';
import { encodeLora16 } from './encode-lora16';
import { encodeVec } from './encode-vec';
import { type InputMoment, momentOf, multiply } from './input-moment';
import { lowRank } from './low-rank';
import { takeLora1 } from './take-lora1';

const ROWS = 24;
const COLS = 64;
const LAYERS = Int32Array.of(0);
const next = random(5);
const gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
const matrix = (rows: number, cols: number) => Float32Array.from({ length: rows * cols }, gauss);

/** Inputs some of which are large, and some of which go together. */
const INPUTS = Array.from({ length: 300 }, () => {
  const shared = gauss();
  return Float32Array.from({ length: COLS }, (_, j) => (j % 7 === 0 ? 6 : 1) * (gauss() + (j % 3) * shared));
});
const sums = new Float32Array(COLS * COLS);
for (const x of INPUTS) {
  for (let i = 0; i < COLS; i++) for (let j = 0; j < COLS; j++) sums[i * COLS + j]! += x[i]! * x[j]!;
}
const MOMENTS: [string, InputMoment][] = [
  ['full moments', momentOf(sums, COLS, 'full')],
  ['diagonal moments', momentOf(sums, COLS, 'diagonal')],
  ['no moments', { kind: 'none' }],
];
const FULL = MOMENTS[0]![1];

/** Mean squared error of y on the inputs, and that of no change at all. */
function outputError(part: DeltaPart, delta: Float32Array, base: Float32Array | null = null) {
  let [error, whole] = [0, 0];
  for (const x of INPUTS) {
    const y = new Float32Array(ROWS);
    if (base) for (let i = 0; i < ROWS; i++) y[i] = dotRow(base, i, x);
    const before = y.slice();
    applyDelta(part, 0, x, y);
    for (let i = 0; i < ROWS; i++) {
      const wanted = dotRow(delta, i, x);
      error += (wanted - (y[i]! - before[i]!)) ** 2;
      whole += wanted ** 2;
    }
  }
  return { error, whole };
}

function dotRow(values: Float32Array, row: number, x: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < COLS; j++) sum += values[row * COLS + j]! * x[j]!;
  return sum;
}

describe('dense1', () => {
  const delta = matrix(ROWS, COLS);
  const part = (encoded: { signs: Uint8Array; scales: Uint16Array }, group: number): DeltaPart => ({
    module: 'q',
    layers: LAYERS,
    form: 'dense1',
    group,
    ...encoded,
  });

  test.each([COLS, 32])(
    'scales from full moments are the best for the output, groups of %i',
    async (group) => {
      const encoded = await encodeDense1(delta, ROWS, COLS, group, FULL, multiply);
      const best = outputError(part(encoded, group), delta);
      for (let at = 0; at < encoded.scales.length; at += 5) {
        for (const factor of [0.9, 1.1]) {
          const scales = encoded.scales.slice();
          scales[at] = toHalf(fromHalf(scales[at]!) * factor);
          expect(outputError(part({ ...encoded, scales }, group), delta).error).toBeGreaterThan(best.error);
        }
      }
      expect(encoded.fit.kept / encoded.fit.total).toBeCloseTo(1 - best.error / best.whole, 1);
    },
  );

  test('the more is known of the inputs, the smaller the error', async () => {
    const errors: number[] = [];
    for (const [, moment] of MOMENTS) {
      errors.push(
        outputError(part(await encodeDense1(delta, ROWS, COLS, 32, moment, multiply), 32), delta).error,
      );
    }
    expect(errors[0]).toBeLessThan(errors[1]!);
    expect(errors[1]).toBeLessThan(errors[2]!);
  });

  test('without moments a scale is the mean size of its group', async () => {
    const { scales } = await encodeDense1(delta, ROWS, COLS, 32, { kind: 'none' }, multiply);
    const mean = delta.subarray(32, 64).reduce((sum, value) => sum + Math.abs(value), 0) / 32;
    expect(scales[1]).toBe(toHalf(mean));
  });

  test('a zero has the sign +1', async () => {
    const { signs } = await encodeDense1(new Float32Array(COLS), 1, COLS, COLS, { kind: 'none' }, multiply);
    expect([...signs]).toEqual(new Array(COLS / 8).fill(255));
  });
});

describe.each(MOMENTS)('low rank with %s', (_, moment) => {
  test('a change of that rank is found whole', async () => {
    const delta = await multiply(matrix(ROWS, 3), matrix(3, COLS), ROWS, 3, COLS);
    const { a, b, fit } = await lowRank(delta, ROWS, COLS, 3, moment, multiply);
    const found = await multiply(b, a, ROWS, 3, COLS);
    for (const [at, value] of delta.entries()) expect(found[at]).toBeCloseTo(value, 3);
    expect(fit.kept / fit.total).toBeCloseTo(1, 4);
  });

  test('more ranks keep more, and all of them everything', async () => {
    const delta = matrix(ROWS, COLS);
    let before = 0;
    for (const rank of [1, 2, 4, 8, ROWS]) {
      const { fit } = await lowRank(delta, ROWS, COLS, rank, moment, multiply);
      expect(fit.kept).toBeGreaterThan(before);
      before = fit.kept;
    }
    expect(before).toBeCloseTo((await lowRank(delta, ROWS, COLS, 99, moment, multiply)).fit.total, 0);
  });
});

describe('lora1', () => {
  const encode = async (
    delta: Float32Array,
    rank: number,
    moment: InputMoment,
  ): Promise<DeltaPart & { kept: number }> => {
    const { fit, ...encoded } = await encodeLora1(delta, ROWS, COLS, rank, moment, multiply);
    return { module: 'q', layers: LAYERS, form: 'lora1', rank, ...encoded, kept: fit.kept / fit.total };
  };

  test.each(MOMENTS)('one pair of signs is found again with %s', async (_, moment) => {
    const signs = (count: number) => Float32Array.from({ length: count }, () => (next() < 0.5 ? -1 : 1));
    const [b, a] = [signs(ROWS), signs(COLS)];
    const delta = Float32Array.from(
      { length: ROWS * COLS },
      (_, at) => 0.25 * b[Math.floor(at / COLS)]! * a[at % COLS]!,
    );
    const part = await encode(delta, 1, moment);
    const { error, whole } = outputError(part, delta);
    expect(error / whole).toBeLessThan(1e-6);
  });

  test('more pairs keep more, and what is said to be kept is what the output shows', async () => {
    const delta = await multiply(matrix(ROWS, 4), matrix(4, COLS), ROWS, 4, COLS);
    let before = 0;
    for (const rank of [1, 2, 4, 8, 16]) {
      const part = await encode(delta, rank, FULL);
      const { error, whole } = outputError(part, delta);
      expect(1 - error / whole).toBeGreaterThan(before);
      expect(part.kept).toBeCloseTo(1 - error / whole, 1);
      before = 1 - error / whole;
    }
    expect(before).toBeGreaterThan(0.9);
  });

  test('knowing the inputs makes the output better', async () => {
    const delta = matrix(ROWS, COLS);
    const [full, none] = [await encode(delta, 6, FULL), await encode(delta, 6, { kind: 'none' })];
    expect(outputError(full, delta).error).toBeLessThan(0.9 * outputError(none, delta).error);
  });

  test('factors that are signs times sizes are taken over exactly, whatever the sign of the scale', () => {
    const rank = 3;
    for (const scale of [2, -0.5]) {
      const a = Float32Array.from(
        { length: rank * COLS },
        (_, at) => (next() < 0.5 ? -1 : 1) * 2 ** -Math.floor(at / COLS),
      );
      const b = Float32Array.from(
        { length: ROWS * rank },
        (_, at) => (next() < 0.5 ? -1 : 1) * (1 + (at % rank)),
      );
      const taken = takeLora1(a, b, rank, scale)!;
      const x = INPUTS[3]!;
      const [y, wanted] = [new Float32Array(ROWS), new Float32Array(ROWS)];
      applyDelta({ module: 'q', layers: LAYERS, form: 'lora1', rank, ...taken }, 0, x, y);
      for (let i = 0; i < ROWS; i++) {
        for (let r = 0; r < rank; r++) wanted[i]! += scale * b[i * rank + r]! * dotRow(a, r, x);
        expect(y[i]).toBeCloseTo(wanted[i]!, 3);
      }
      expect(takeLora1(a, b.with(1, 0.3), rank, scale)).toBeNull();
      expect(takeLora1(a.with(5, 7), b, rank, scale)).toBeNull();
    }
  });
});

test('lora16 gives B A x, in bfloat16', async () => {
  const delta = matrix(ROWS, COLS);
  const factors = await lowRank(delta, ROWS, COLS, ROWS, FULL, multiply);
  const part: DeltaPart = {
    module: 'q',
    layers: LAYERS,
    form: 'lora16',
    rank: ROWS,
    scale: 1,
    ...encodeLora16(factors),
  };
  const { error, whole } = outputError(part, delta);
  expect(error / whole).toBeLessThan(1e-4);
});

describe('vec', () => {
  test('finds factors of rows again, and the best ones otherwise', async () => {
    const base = matrix(ROWS, COLS);
    const factors = Float32Array.from({ length: ROWS }, (_, i) => (i - 10) / 32);
    const scaled = base.map((value, at) => value * factors[Math.floor(at / COLS)]!);
    const { v, fit } = await encodeVec(base, scaled, ROWS, COLS, FULL, multiply);
    for (const [row, bits] of v.entries()) expect(fromHalf(bits)).toBeCloseTo(factors[row]!, 3);
    expect(fit.kept / fit.total).toBeCloseTo(1, 3);
    const other = scaled.map((value) => value + 0.2 * gauss());
    const found = await encodeVec(base, other, ROWS, COLS, FULL, multiply);
    const part = (values: Uint16Array): DeltaPart => ({
      module: 'q',
      layers: LAYERS,
      form: 'vec',
      v: values,
    });
    const best = outputError(part(found.v), other, base).error;
    for (let row = 0; row < ROWS; row++) {
      const moved = found.v.slice();
      moved[row] = toHalf(fromHalf(moved[row]!) + 0.02);
      expect(outputError(part(moved), other, base).error).toBeGreaterThan(best);
    }
  });
});
