import { applyRules, draw, largest, logProbability } from './token-rules';
import type { WhisperTokens } from './whisper-tokens';

/** Ten pieces of text, then the end at 10, control, and times from 14 on. */
const TOKENS = { end: 10, noStamps: 13, firstStamp: 14 } as WhisperTokens;
const SETTINGS = { stamps: true, suppressed: [3], suppressedFirst: [5, 10] };
const STAMP = (steps: number) => 14 + steps;

function allowed(said: number[], stamps = true, logits = new Float32Array(100)): number[] {
  applyRules(logits, said, TOKENS, { ...SETTINGS, stamps });
  return [...logits.keys()].filter((id) => logits[id]! > Number.NEGATIVE_INFINITY);
}

const TEXT = [0, 1, 2, 4, 5, 6, 7, 8, 9];

test('without times only text and its end come, neither suppressed ids nor, at first, the end', () => {
  expect(allowed([], false)).toEqual([0, 1, 2, 4, 6, 7, 8, 9, 11, 12]);
  expect(allowed([1], false)).toEqual([...TEXT, 10, 11, 12]);
});

test('with times the first is one, of the first second', () => {
  const first = allowed([]);
  expect([first[0], first.at(-1)]).toEqual([STAMP(0), STAMP(50)]);
});

test('times come in pairs, do not go back, and text is between them', () => {
  const likelyText = () => new Float32Array(100).fill(5, 0, 11);
  // Behind a beginning: text.
  expect(allowed([STAMP(3)], true, likelyText()).filter((id) => id >= 14)).toEqual([]);
  // Behind an end: the same or a later time, or the end of all.
  const behindEnd = allowed([STAMP(3), 1, STAMP(9)], true, likelyText());
  expect(behindEnd.slice(0, 1)).toEqual([10]);
  expect(behindEnd.find((id) => id >= 14)).toBe(STAMP(9));
  // In text: a later time than its beginning.
  expect(allowed([STAMP(3), 1], true, likelyText()).find((id) => id >= 14)).toBe(STAMP(4));
});

test('a time comes where all times together are likelier than any text', () => {
  const logits = new Float32Array(100).fill(1);
  logits[2] = 2;
  expect(allowed([STAMP(3), 1], true, logits)[0]).toBe(STAMP(4));
});

test('probabilities are those of a softmax, draws follow them', () => {
  const logits = Float32Array.from([0, Math.log(3), Number.NEGATIVE_INFINITY]);
  expect(Math.exp(logProbability(logits, 1))).toBeCloseTo(0.75, 6);
  expect(largest(logits)).toBe(1);
  expect([0, 0.24, 0.26, 0.99].map((one) => draw(logits, 1, () => one))).toEqual([0, 0, 1, 1]);
});
