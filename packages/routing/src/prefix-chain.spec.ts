import { BLOCK_UNITS, MAX_BLOCKS, prefixChain } from './prefix-chain';

const text = (blocks: number, fill = 'a') => fill.repeat(blocks * BLOCK_UNITS);
const shared = (a: readonly number[], b: readonly number[]) => {
  const at = a.findIndex((key, i) => key !== b[i]);
  return at < 0 ? a.length : at;
};

describe('prefix chain', () => {
  test('has one key for each whole block', () => {
    expect(prefixChain('m 4', [text(2), 'rest'])).toMatchObject({
      keys: [expect.any(Number), expect.any(Number)],
      units: 2 * BLOCK_UNITS + 4,
    });
    expect(prefixChain('m 4', ['short']).keys).toEqual([]);
    expect(prefixChain('m 4', []).units).toBe(0);
  });

  test.each<[string, readonly (string | number[])[], number]>([
    ['the same', [text(3)], 3],
    ['longer', [text(3), text(2, 'b')], 3],
    ['other in the second block', [text(1) + text(2, 'b')], 1],
    ['other in its first character', [`b${text(3).slice(1)}`], 0],
    ['cut elsewhere', [text(1), text(2)], 1],
    ['cut within a block', ['a', text(3).slice(1)], 0],
    ['tokens instead of text', [Array(3 * BLOCK_UNITS).fill(97)], 3],
  ])('%s', (_, parts, blocks) => {
    expect(shared(prefixChain('m 4', [text(3)]).keys, prefixChain('m 4', parts).keys)).toBe(blocks);
  });

  test('another model or stage shares nothing', () => {
    const [a, b] = [prefixChain('m 4', [text(3)]), prefixChain('m 3', [text(3)])];
    expect(shared(a.keys, b.keys)).toBe(0);
  });

  test('keys do not repeat, even for text that does', () => {
    const { keys } = prefixChain('m 4', [text(MAX_BLOCKS + 10)]);
    expect(keys).toHaveLength(MAX_BLOCKS);
    expect(new Set(keys).size).toBe(MAX_BLOCKS);
    expect(keys.every(Number.isSafeInteger)).toBe(true);
  });

  test('hardly two of many prompts share a key', () => {
    const keys = new Set<number>();
    for (let i = 0; i < 20_000; i++) keys.add(prefixChain(`${i}`, [text(1)]).keys[0] as number);
    expect(keys.size).toBeGreaterThan(19_998);
  });
});
