import type { Recipe } from '../modules';
import { BASES, type BaseShape } from './base-shape';
import { type CapacityQuestion, capacity, kvBlockBytes } from './capacity';
import { deltaDataBytes, deltaSize } from './delta-size';

const base = (name: string): BaseShape => BASES.find((one) => one.name === name)!;
const smollm2 = base('smollm2-135m');
const small = base('qwen3-4b');
const large = base('qwen3-30b-a3b');

describe('bytes of a delta, from shapes', () => {
  // By hand: rows × (columns / 8 + 2) for dense1, rank × ((in + out) / 8 + 2) for lora1, summed over modules and layers.
  test.each<[string, BaseShape, Recipe, object, number]>([
    ['dense1 of SmolLM2', smollm2, 'dense1', {}, 13_582_080],
    ['dense1 of SmolLM2, groups of 64', smollm2, 'dense1', { group: 64 }, 16_588_800],
    ['lora1 rank 8 of SmolLM2', smollm2, 'lora1', { rank: 8 }, 117_120],
    ['vec of SmolLM2', smollm2, 'vec', {}, 311_040],
    ['lora16 rank 8 of SmolLM2', smollm2, 'lora16', { rank: 8 }, 1_843_200],
    ['lora1 rank 4 of a 4B', small, 'lora1', { rank: 4 }, 369_792],
    ['lora1 rank 6 of a 4B', small, 'lora1', { rank: 6 }, 554_688],
    ['lora1 rank 4 of a 30B-A3B', large, 'lora1', { rank: 4 }, 419_328],
  ])('%s', (_, shape, recipe, options, bytes) => {
    expect(deltaDataBytes(shape, deltaSize(recipe, options))).toBe(bytes);
  });

  test.each<[string, BaseShape, Recipe, number]>([
    ['dense1 of a 4B has 454 MB of signs', small, 'dense1', 454e6],
    ['attn1 of a 4B has 118 MB', small, 'attn1', 118e6],
    ['dense1 of a 30B-A3B has 3.7 GB', large, 'dense1', 3.7e9],
  ])('%s, and a row of scales besides', (_, shape, recipe, signs) => {
    const bytes = deltaDataBytes(shape, deltaSize(recipe));
    expect(bytes).toBeGreaterThan(0.99 * signs);
    expect(bytes).toBeLessThan(1.03 * signs);
  });

  test('rows that are no whole bytes are rounded up, groups divide them', () => {
    const odd = { ...smollm2, layers: 1, hidden: 10, heads: 1, headSize: 3, kvHeads: 1, ffn: 5 };
    expect(deltaDataBytes(odd, deltaSize('dense1', { modules: ['q'] }))).toBe(3 * (2 + 2));
    expect(deltaDataBytes(odd, deltaSize('dense1', { modules: ['q'], group: 5 }))).toBe(3 * (2 + 2 * 2));
    expect(deltaDataBytes(odd, deltaSize('lora1', { modules: ['q'], rank: 2 }))).toBe(2 * (2 + 1 + 2));
    expect(() => deltaDataBytes(odd, deltaSize('dense1', { group: 3 }))).toThrow(
      'group: 3 columns do not divide the 10 of q',
    );
  });
});

describe('capacity', () => {
  const question: CapacityQuestion = {
    base: small,
    delta: deltaSize('lora1', { rank: 6 }),
    usableBytes: 72e9,
    weightBits: 16,
    kvType: 'f16',
    sequences: 64,
    contextTokens: 2048,
    hostBytes: 64e9,
    diskBytes: 1e12,
  };

  test('72 GB, a bf16 4B, 64 sequences of 2,048 tokens: what is left is for deltas', () => {
    expect(capacity(question)).toEqual({
      deltaBytes: 554_688,
      slotBytes: 554_752,
      weightsBytes: 8_044_936_192,
      kvBytesPerToken: 147_456,
      kvBytes: 19_327_352_832,
      leftBytes: 44_627_710_976,
      resident: 80_446,
      host: 115_380,
      disk: 1_802_815,
      withoutKv: 115_285,
    });
  });

  test('a quotient of storage has no KV cache, so it always promises more', () => {
    for (const sequences of [1, 64, 256]) {
      const { resident, withoutKv } = capacity({ ...question, sequences });
      expect(resident).toBeLessThan(withoutKv);
    }
    expect(capacity({ ...question, sequences: 0 }).resident).toBe(capacity(question).withoutKv);
  });

  test('a sequence takes whole blocks', () => {
    const kv = (contextTokens: number) => capacity({ ...question, sequences: 3, contextTokens }).kvBytes;
    expect(kv(1)).toBe(3 * kvBlockBytes(small, 'f16'));
    expect(kv(17)).toBe(2 * kv(16));
  });

  test('what does not fit leaves room for none', () => {
    for (const change of [{ base: large }, { sequences: 1000 }]) {
      const tight = capacity({ ...question, ...change });
      expect(tight.leftBytes).toBeLessThan(0);
      expect(tight.resident).toBe(0);
    }
    expect(capacity({ ...question, base: large, weightBits: 8 }).resident).toBeGreaterThan(0);
  });
});
