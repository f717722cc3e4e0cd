import { Divergence, minServable, parsesAsJson } from './quality';

const quality = (top1: number, klMean: number, jsonValid: number | null) => ({
  top1,
  klMean,
  klP99: klMean,
  perplexityRatio: 1,
  jsonValid,
});
const FLOORS = { top1: 0.6, klMean: 0.9, jsonValid: 0.5 };

describe('minServable', () => {
  const good = quality(0.9, 0.1, 0.8);
  it.each([
    ['all pass', [good, good, good, good, good], 0],
    ['top-1 too low at 0', [quality(0.59, 0.1, 0.8), good, good, good, good], 1],
    ['KL too high at 1', [good, quality(0.9, 0.91, 0.8), good, good, good], 2],
    ['JSON below half of the top stage', [quality(0.9, 0.1, 0.3), good, good, good, good], 1],
    ['JSON not asked', [quality(0.9, 0.1, null), good, good, good, quality(1, 0, null)], 0],
    ['a bad stage in the middle', [good, good, good, quality(0.1, 5, 0), good], 4],
    ['nothing passes', Array(5).fill(quality(0, 9, 0)), 4],
  ])('%s', (_name, qualities, expected) => {
    expect(minServable(qualities, FLOORS)).toBe(expected);
  });
});

describe('parsesAsJson', () => {
  it.each([
    ['{"a": [1, 2]}', true],
    ['  [1]\n', true],
    ['```json\n{"a": 1}\n```', true],
    ['Here it is:\n```\n[]\n```\nEnjoy.', true],
    ['{"a": 1', false],
    ['"text"', false],
    ['null', false],
    ['Sure! {"a": 1}', false],
    ['', false],
  ])('%j', (answer, expected) => {
    expect(parsesAsJson(answer)).toBe(expected);
  });
});

describe('Divergence', () => {
  it('averages tokens and leaves those without a target out of the perplexity', () => {
    const sum = new Divergence();
    sum.add(Float32Array.of(0.5, 1, 2, 1, 1.5, Number.NaN, Number.NaN, 0));
    const found = sum.quality();
    expect(found).toMatchObject({ top1: 0.5, klMean: 1, klP99: 1.5 });
    expect(found.perplexityRatio).toBeCloseTo(Math.E, 5);
  });
});
