import type { WhisperTokens } from './whisper-tokens';
import { monotonicStarts, wordsOf } from './words';

const PIECES = [' Hel', 'lo', ',', ' wor', 'ld', '好', '吗', '\ufffd'];
/** The last two ids are halves of one character. */
const TOKENS = {
  text: (ids: readonly number[]) =>
    ids.join() === '8,9' ? '是' : ids.map((id) => PIECES[Math.min(id, 7)]).join(''),
} as WhisperTokens;

test('words begin with a space, and take what follows without one', () => {
  expect(wordsOf(TOKENS, [0, 1, 2, 3, 4], 'en')).toEqual([
    [0, 1, 2],
    [3, 4],
  ]);
});

test('where no spaces are written, each character is one; halves of one stay together', () => {
  expect(wordsOf(TOKENS, [5, 6, 8, 9], 'zh')).toEqual([[5], [6], [8, 9]]);
});

test('the best monotonic path says when each begins', () => {
  const row = (...at: number[]) => Float32Array.from({ length: 10 }, (_, p) => (at.includes(p) ? 1 : -0.2));
  expect(monotonicStarts([row(0, 1, 2), row(3, 4), row(5, 6, 7, 8, 9)])).toEqual([0, 3, 5]);
  // A row that looks back is not followed.
  const starts = monotonicStarts([row(0, 1), row(5, 6), row(1, 2), row(8, 9)]);
  expect(starts).toEqual([...starts].sort((a, b) => a - b));
});
