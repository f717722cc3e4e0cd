import { STEP } from '../turns/steps';
import { SpeechWindow } from './speech-window';

function window(probabilities: readonly number[], start = 0): SpeechWindow {
  const made = new SpeechWindow(start);
  for (const [i, one] of probabilities.entries()) made.append(new Float32Array(STEP).fill(i + 1), one);
  return made;
}

const times = (count: number, probability: number) => new Array<number>(count).fill(probability);

test('an hour of silence takes no room, and where it begins is still known', () => {
  const made = new SpeechWindow(0);
  const steps = (3600 * 16_000) / STEP;
  const silence = new Float32Array(STEP);
  let longest = 0;
  for (let i = 0; i < steps; i++) {
    made.append(silence, 0.1);
    made.forgetSilence();
    longest = Math.max(longest, made.length);
  }
  expect(longest).toBeLessThanOrEqual(33 * STEP);
  expect(made.start + made.length).toBe(3600 * 16_000);
  expect(made.spoken).toBe(false);
});

test('two steps in a row are speech, one is none', () => {
  expect(window([0, 0.9, 0, 0.9, 0]).spoken).toBe(false);
  expect(window([0, 0.9, 0.9, 0]).spoken).toBe(true);
});

test('speech goes to a little behind its last step, and no more', () => {
  const made = window([0, 0.9, 0.9, ...times(60, 0)], 1000);
  expect(made.speechEnd).toBe(1000 + 3 * STEP);
  expect(made.speech()).toHaveLength(3 * STEP + 4800);
  expect(window([0, 0.9, 0.9], 1000).speech()).toHaveLength(3 * STEP);
});

test('a full window is cut in its quietest moment, and nothing is lost', () => {
  const probabilities = times(875, 0.95);
  for (let i = 600; i < 610; i++) probabilities[i] = 0.02;
  for (let i = 100; i < 140; i++) probabilities[i] = 0;
  const made = window(probabilities, 512);
  expect(made.isFull).toBe(true);
  const head = made.cut();
  expect(head.start).toBe(512);
  expect(head.speech.length % STEP).toBe(0);
  const at = head.speech.length / STEP;
  expect(at).toBeGreaterThanOrEqual(600);
  expect(at).toBeLessThan(610);
  expect(head.speech.at(-1)).toBe(at);
  expect(made.start).toBe(512 + head.speech.length);
  expect(made.length + head.speech.length).toBe(875 * STEP);
  expect(made.speech()[0]).toBe(at + 1);
  expect(made.isFull).toBe(false);
});
