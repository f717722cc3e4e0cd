import { spokenUnits } from './spoken-text';

const text = 'One two three. Four five six.';
const stretches = [
  { textStart: 0, textEnd: 15, startMs: 0, endMs: 1000 },
  { textStart: 15, textEnd: 29, startMs: 1100, endMs: 2000 },
];
const said = (playedMs: number, more: object = {}) =>
  text.slice(0, spokenUnits({ text, stretches, soundMs: 2000, whole: true, ...more }, playedMs));

test('follows the sound word by word where the server says what says what', () => {
  expect(said(0)).toBe('');
  expect(said(100)).toBe('One');
  expect(said(400)).toBe('One two');
  expect(said(1000)).toBe('One two three. ');
  expect(said(1050)).toBe('One two three. ');
  expect(said(1200)).toBe('One two three. Four');
  expect(said(2000)).toBe(text);
  expect(said(9000)).toBe(text);
  // Nothing is known of what comes after.
  expect(said(9000, { stretches: stretches.slice(0, 1), whole: false })).toBe('One two three. ');
});

test('without that, by the share of the whole sound, or as English is read', () => {
  expect(said(1000, { stretches: [] })).toBe('One two three.');
  expect(said(2000, { stretches: [] })).toBe(text);
  expect(said(200, { stretches: [], whole: false })).toBe('One');
  expect(said(60_000, { stretches: [], whole: false })).toBe(text);
  expect(said(0, { stretches: [] })).toBe('');
});
