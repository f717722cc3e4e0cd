import { nfc } from './nfc';

const MARKS: string[] = [];
for (let code = 0x300; code < 0x1f000; code++) {
  const char = String.fromCodePoint(code);
  if (/^\p{M}$/u.test(char)) MARKS.push(char);
}

describe('nfc', () => {
  it('leaves ordinary text to the engine', () => {
    for (const text of ['', 'abc', 'e\u0301', '\u1100\u1161\u11a8', 'q\u0307\u0323', '\u212b']) {
      expect(nfc(text)).toBe(text.normalize('NFC'));
    }
  });

  it('gives the same for long runs of any marks', () => {
    let state = 99;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % n;
    };
    for (let round = 0; round < 60; round++) {
      const run = (length: number) => Array.from({ length }, () => MARKS[random(MARKS.length)]!).join('');
      const text = `x${run(3)}a${run(500)}b${run(10)}e${run(300)}`;
      expect(nfc(text)).toBe(text.normalize('NFC'));
    }
  });
});
