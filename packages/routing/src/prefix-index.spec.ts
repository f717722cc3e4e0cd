import { BLOCK_UNITS, prefixChain } from './prefix-chain';
import { NO_MATCH, PrefixIndex } from './prefix-index';

const chain = (name: string, blocks = 4) => prefixChain('m 4', [name.padEnd(blocks * BLOCK_UNITS, name)]);

describe('prefix index', () => {
  test('finds the beginning that two prompts share', () => {
    const index = new PrefixIndex();
    const system = 's'.repeat(3 * BLOCK_UNITS);
    index.sent(prefixChain('m 4', [system + 'a'.repeat(BLOCK_UNITS)]));
    const asked = prefixChain('m 4', [system + 'b'.repeat(3 * BLOCK_UNITS)]);
    expect(index.match(asked)).toMatchObject({ blocks: 3, share: 0.5 });
    expect(index.match(chain('x'))).toBe(NO_MATCH);
  });

  test('forgets the least recently used first, and ends before beginnings', () => {
    const index = new PrefixIndex(8);
    const [a, b, c] = [chain('a'), chain('b'), chain('c', 2)];
    index.sent(a);
    index.sent(b);
    index.sent(a);
    index.sent(c);
    expect([a, b, c].map((one) => index.match(one).blocks)).toEqual([4, 2, 2]);
  });

  test('a prompt longer than the index keeps its beginning', () => {
    const index = new PrefixIndex(8);
    index.sent(chain('long', 100));
    expect(index.match(chain('long', 100)).blocks).toBe(8);
  });

  test('never grows beyond its bound, whatever ten thousand tenants send', () => {
    const index = new PrefixIndex(500);
    for (let tenant = 0; tenant < 10_000; tenant++) {
      const one = chain(`tenant ${tenant} `, 1 + (tenant % 7));
      index.computed(one, index.match(one), 0);
      if (index.size > 500) throw new Error(`${index.size} blocks after tenant ${tenant}`);
    }
    expect(index.size).toBe(500);
    expect(index.match(chain('tenant 9999 ', 1 + (9999 % 7))).blocks).toBeGreaterThan(0);
  });

  describe('what the replica says corrects it', () => {
    const filled = () => {
      const index = new PrefixIndex();
      for (const name of ['a', 'b', 'c']) index.computed(chain(name), NO_MATCH, 0);
      return index;
    };

    test('gone is what was used as long ago as what it had no more', () => {
      const index = filled();
      const b = chain('b');
      const match = index.match(b);
      index.sent(b);
      index.computed(b, match, 0);
      expect(['a', 'b', 'c'].map((name) => index.match(chain(name)).blocks)).toEqual([0, 4, 4]);
    });

    test('nothing is gone where it had most of it', () => {
      const index = filled();
      const b = chain('b');
      index.computed(b, index.match(b), 0.7);
      expect(index.match(chain('a')).blocks).toBe(4);
    });

    test('a prompt that was still being computed says nothing', () => {
      const index = filled();
      const d = chain('d');
      index.sent(d);
      const match = index.match(d);
      expect(match).toMatchObject({ blocks: 4, computedAt: null });
      index.computed(d, match, 0);
      expect(index.match(chain('a')).blocks).toBe(4);
    });
  });

  test('agrees with a plain list of what was sent last', () => {
    let state = 3;
    const random = (below: number) => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    const chains = [...Array(20).keys()].map((at) => chain(`p${at}`));
    const index = new PrefixIndex(40);
    let recent: number[] = [];
    for (let step = 0; step < 1000; step++) {
      const sent = random(chains.length);
      index.sent(chains[sent] as (typeof chains)[0]);
      recent = [sent, ...recent.filter((one) => one !== sent)].slice(0, 10);
      const known = [...chains.keys()].filter(
        (at) => index.match(chains[at] as (typeof chains)[0]).blocks > 0,
      );
      expect(known).toEqual([...recent].sort((x, y) => x - y));
    }
  });
});
