import { type TextStep, UnsaidText } from './unsaid-text';

const said = (steps: Iterable<TextStep>) =>
  [...steps].map((step) => (step.kind === 'flush' ? '|' : step.input)).join('');

test('gives what is not forgotten from any offset on, with its flushes', () => {
  const text = new UnsaidText();
  text.push('One, ');
  text.flush();
  text.push('two, ');
  text.push('three.');
  text.flush();
  text.flush();
  expect(said(text.from(0))).toBe('One, |two, three.|');
  expect(said(text.from(2))).toBe('e, |two, three.|');
  // What ends at the offset was said already.
  expect(said(text.from(5))).toBe('two, three.|');
  text.forget(12);
  expect(said(text.from(12))).toBe('ree.|');
  text.forget(16);
  expect(said(text.from(16))).toBe('');
  expect(text.length).toBe(16);
});

test('a character cut in two waits for its other half; one that never comes is sent at the end', () => {
  const text = new UnsaidText();
  const [high, low] = ['\ud83d', '\ude00'];
  expect(text.push(`a${high}`)).toEqual(['a']);
  expect(text.push(`${low}b`)).toEqual(['\u{1f600}b']);
  expect(text.push(high)).toEqual([]);
  expect(text.end()).toEqual([high]);
  expect(text.length).toBe(5);
  expect(said(text.from(0))).toBe(`a\u{1f600}b${high}`);
});

test('long input becomes pieces that a talker takes, no character cut in two', () => {
  const text = new UnsaidText();
  const long = 'x'.repeat(16_383) + '\u{1f600}'.repeat(10_000);
  const pieces = text.push(long) as string[];
  expect(pieces.join('')).toBe(long);
  expect(pieces.every((piece) => piece.isWellFormed() && Buffer.byteLength(piece) <= 65_536)).toBe(true);
  const ids = Array.from({ length: 40_000 }, (_, id) => id);
  const cut = new UnsaidText();
  expect((cut.push(ids) as number[][]).map(({ length }) => length)).toEqual([16_384, 16_384, 7232]);
  expect([...cut.from(39_998)]).toEqual([{ kind: 'input', input: [39_998, 39_999] }]);
});
