import { BpeMerger, MergeTable } from './bpe';

type Merge = { left: number; right: number; result: number };

/** The definition: merge the leftmost pair of lowest rank until there is none. */
function mergeSlowly(ids: number[], merges: Merge[]): number[] {
  for (;;) {
    let best = { rank: Number.POSITIVE_INFINITY, at: -1 };
    for (let at = 0; at + 1 < ids.length; at++) {
      const rank = merges.findIndex((m) => m.left === ids[at] && m.right === ids[at + 1]);
      if (rank >= 0 && rank < best.rank) best = { rank, at };
    }
    if (best.at < 0) return ids;
    ids = [...ids.slice(0, best.at), merges[best.rank]!.result, ...ids.slice(best.at + 2)];
  }
}

describe('BpeMerger', () => {
  it('agrees with the definition on random merges and words', () => {
    let state = 7;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % n;
    };
    for (let round = 0; round < 200; round++) {
      const merges: Merge[] = [];
      const strings = ['a', 'b', 'c'];
      for (let i = 0; i < 20; i++) {
        const left = random(strings.length);
        const right = random(strings.length);
        const text = strings[left]! + strings[right]!;
        // One string, one id: the same string from another pair is the same token.
        if (!strings.includes(text)) strings.push(text);
        if (merges.some((m) => m.left === left && m.right === right)) continue;
        merges.push({ left, right, result: strings.indexOf(text) });
      }
      const merger = new BpeMerger(new MergeTable(merges));
      for (const length of [0, 1, 2, 3, 10, 40, 150]) {
        const word = Array.from({ length }, () => random(3));
        const ids = Int32Array.from(word);
        expect([...ids.subarray(0, merger.merge(ids, length))]).toEqual(mergeSlowly(word, merges));
      }
    }
  });

  it('knows no merge of an empty table', () => {
    const ids = Int32Array.of(1, 2, 3);
    expect(new BpeMerger(new MergeTable([])).merge(ids, 3)).toBe(3);
  });
});
