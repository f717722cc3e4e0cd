import { StopFilter } from './stop-filter';

/** What comes out when `text` arrives cut at these places. */
function filtered(text: string, cuts: readonly number[], stops: readonly string[]) {
  const filter = new StopFilter(stops);
  const out: string[] = [];
  let at = 0;
  for (const cut of [...cuts, text.length]) {
    out.push(filter.push(text.slice(at, cut)));
    at = cut;
  }
  return { shown: out.join(''), all: out.join('') + filter.finish(), matched: filter.matched };
}

/** What should come out, from the whole text at once: the first to be complete, of those the longest. */
function expected(text: string, stops: readonly string[]) {
  for (let end = 1; end <= text.length; end++) {
    const [matched] = stops
      .filter((stop) => text.slice(0, end).endsWith(stop))
      .sort((a, b) => b.length - a.length);
    if (matched !== undefined) return { all: text.slice(0, end - matched.length), matched };
  }
  return { all: text, matched: null };
}

test.each([
  ['no stop text', 'abcabd', []],
  ['one that does not come', 'abcabd', ['abe']],
  ['one that overlaps its own beginning', 'ababac', ['abac']],
  ['several that begin alike', 'xxabcd', ['abce', 'abcd', 'bcd']],
  ['one inside another', 'xabcdx', ['abcd', 'bc']],
  ['at the end', 'xyzSTOP', ['STOP']],
  ['the whole', 'STOP', ['STOP']],
  ['characters beyond the basic plane', 'a🥊b🥋c', ['🥋']],
])('%s: every way of cutting the text gives the same, and nothing of a stop text shows', (_, text, stops) => {
  for (let mask = 0; mask < 2 ** (text.length - 1); mask++) {
    const cuts = [...text].keys();
    const chosen = [...cuts].filter((i) => i > 0 && mask & (1 << (i - 1)));
    const { shown, all, matched } = filtered(text, chosen, stops);
    expect({ all, matched }).toEqual(expected(text, stops));
    expect(expected(text, stops).all.startsWith(shown)).toBe(true);
  }
});

test('holds back no more than may become a stop text', () => {
  const filter = new StopFilter(['END']);
  expect(filter.push('the E')).toBe('the ');
  expect(filter.push('N')).toBe('');
  expect(filter.push('T')).toBe('ENT');
  expect(filter.finish()).toBe('');
});
