import { LoadBook } from './load-book';

const digest = `sha256:${'1'.repeat(64)}`;
const report = (thinker: string, tokens: number[]) => ({
  thinker,
  artifactDigest: digest,
  intervalMs: 1000,
  tokens,
});

test('adds up what thinkers report, and counts them while they do', () => {
  const book = new LoadBook({ digest, layers: 1, experts: 2 }, 6000);
  book.take(report('a', [1, 2]), 0);
  book.take(report('b', [10, 20]), 3000);
  book.take(report('a', [1, 0]), 4000);
  expect([...book.tokens(4000)]).toEqual([12, 22]);
  expect(book.thinkers(4000)).toBe(2);
  expect(book.thinkers(9500)).toBe(1);
  expect(book.thinkers(10_000)).toBe(0);
  expect([...book.tokens(10_000)]).toEqual([0, 0]);
});
