import { chunkOrder, gainsPerByte, mostRequests, planFetch } from './fetch-plan';
import { CHUNK_BYTES, type LadderConfig, type StageQuality } from './ladder-config';
import { sampleConfig } from './testing/sample-config';

const quality = (top1: number): StageQuality => ({
  top1,
  klMean: 0,
  klP99: 0,
  perplexityRatio: 1,
  jsonValid: null,
});

/** Five stages of these megabytes and top-1 agreements. */
function ladder(sizes: number[], top1: (number | null)[], minServable = 0): LadderConfig {
  const config = sampleConfig();
  config.minServable = minServable;
  config.stages = sizes.map((megabytes, stage) => ({
    stage,
    bytes: megabytes * 1e6,
    bitsPerLinearWeight: 3,
    quality: top1[stage] === null ? null : quality(top1[stage]!),
  }));
  return config;
}
const EVERYBODY = [1, 1, 1, 1, 1];
const SIZES = [40, 10, 10, 10, 10];

describe('gainsPerByte', () => {
  it('is the gain of a stage over its bytes', () => {
    const gains = gainsPerByte(ladder(SIZES, [0.6, 0.7, 0.75, 0.78, 0.79]), EVERYBODY);
    [0.6 / 40e6, 0.1 / 10e6, 0.05 / 10e6, 0.03 / 10e6, 0.01 / 10e6].forEach((gain, stage) => {
      expect(gains[stage]).toBeCloseTo(gain, 12);
    });
  });

  it('counts a stage without a gain of its own when it leads to one', () => {
    const gains = gainsPerByte(ladder(SIZES, [0.6, 0.6, 0.8, 0.8, 0.8]), EVERYBODY);
    expect(gains[1]).toBeCloseTo(0.2 / 20e6, 12);
    expect(gains[2]).toBe(gains[1]);
    expect(gains.slice(3)).toEqual([0, 0]);
  });

  it('weighs by use', () => {
    const config = ladder(SIZES, [0.6, 0.7, 0.75, 0.78, 0.79]);
    const gains = gainsPerByte(config, [1, 1, 0.5, 0, 0]);
    expect(gains[1]).toBeCloseTo(0.1 / 10e6, 12);
    expect(gains[2]).toBeCloseTo(0.025 / 10e6, 12);
    expect(gains.slice(3)).toEqual([0, 0]);
  });

  it('takes every stage for an equal step where one was not measured', () => {
    const gains = gainsPerByte(ladder([10, 10, 10, 10, 10], [0.6, null, 0.7, 0.8, 1]), EVERYBODY);
    for (const gain of gains) expect(gain).toBeCloseTo(0.2 / 10e6, 12);
  });

  it('gives an empty stage no worth of its own', () => {
    const gains = gainsPerByte(ladder([40, 0, 10, 10, 10], [0.6, 0.6, 0.7, 0.8, 0.9]), EVERYBODY);
    expect(gains.every((gain) => gain > 0 && Number.isFinite(gain))).toBe(true);
  });
});

describe('planFetch', () => {
  const urgencies = (config: LadderConfig, use: number[]) =>
    planFetch(config, use).map(({ urgency }) => urgency);

  it('hurries for what is needed, then for what is wanted', () => {
    const config = ladder(SIZES, [0.6, 0.7, 0.75, 0.78, 0.79], 1);
    expect(urgencies(config, EVERYBODY)).toEqual(['serve', 'serve', 'climb', 'climb', 'climb']);
    expect(urgencies(config, [1, 1, 0.2, 0, 0])).toEqual(['serve', 'serve', 'climb', 'spare', 'spare']);
    expect(urgencies(config, [0, 0, 0, 0, 0])).toEqual(['serve', 'serve', 'spare', 'spare', 'spare']);
  });

  it('does not hurry for stages that measure no better', () => {
    const config = ladder(SIZES, [0.6, 0.7, 0.7, 0.7, 0.69]);
    expect(urgencies(config, EVERYBODY)).toEqual(['serve', 'climb', 'spare', 'spare', 'spare']);
  });

  it('keeps the order in which stages build on each other and lists every chunk once', () => {
    const config = ladder(SIZES, [0.1, 0.2, 0.9, 0.91, 0.99]);
    const plan = planFetch(config, EVERYBODY);
    expect(plan.map(({ stage }) => stage)).toEqual([0, 1, 2, 3, 4]);
    for (const { stage, chunks } of plan) {
      const { bytes } = config.stages[stage]!;
      expect(chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)).toBe(bytes);
      expect(new Set(chunks.map(({ chunk }) => chunk)).size).toBe(Math.ceil(bytes / CHUNK_BYTES));
      for (const { chunk, offset } of chunks) expect(offset).toBe(chunk * CHUNK_BYTES);
    }
  });
});

describe('chunkOrder', () => {
  it('follows the layers, whatever their order in the blob', () => {
    const config = ladder([5 * 4.194304, 0, 0, 0, 0], [1, 1, 1, 1, 1]);
    config.stages[0]!.bytes = 5 * CHUNK_BYTES - 100;
    config.model.layers = 2;
    const at = (name: string, from: number, to: number) => ({
      name,
      shape: [1, 1] as [number, number],
      sourceType: 'F32' as const,
      rungs: [
        {
          kind: 'raw' as const,
          stage: 0,
          dtype: 'F32' as const,
          data: { stage: 0, offset: from * CHUNK_BYTES, bytes: Math.round((to - from) * CHUNK_BYTES) - 100 },
        },
      ],
    });
    config.tensors = [
      at('output_norm.weight', 0, 1),
      at('blk.1.attn_q.weight', 1, 2),
      at('blk.0.attn_q.weight', 2, 3.5),
      at('token_embd.weight', 4, 5),
    ];
    const order = chunkOrder(config, 0);
    expect(order.map(({ chunk }) => chunk)).toEqual([4, 2, 3, 1, 0]);
    expect(order[0]!.bytes).toBe(CHUNK_BYTES - 100);
  });
});

test('strategies differ in how much of the link a stage may take', () => {
  expect(mostRequests('aggressive', 'spare')).toBeGreaterThan(mostRequests('balanced', 'spare'));
  expect(mostRequests('balanced', 'serve')).toBeGreaterThan(mostRequests('conservative', 'serve'));
  expect(mostRequests('conservative', 'spare')).toBe(0);
});
