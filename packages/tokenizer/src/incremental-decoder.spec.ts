import { IncrementalDecoder } from './incremental-decoder';

/** Pushes each byte as one token. */
function decode(bytes: number[]): string[] {
  const decoder = new IncrementalDecoder((byte) => Uint8Array.of(byte));
  return [...bytes.map((byte) => decoder.push(byte)), decoder.finish()];
}

describe('IncrementalDecoder', () => {
  it.each<[string, number[], string[]]>([
    ['ASCII at once', [0x61, 0x62], ['a', 'b', '']],
    ['a character of four bytes when it is whole', [0xf0, 0x9f, 0x98, 0x80], ['', '', '', '😀', '']],
    ['an unfinished character at the end', [0xf0, 0x9f, 0x98], ['', '', '', '\ufffd']],
    ['a byte that cannot start one, at once', [0xff, 0x61], ['\ufffd', 'a', '']],
    ['a lone continuation', [0x80, 0x80], ['\ufffd', '\ufffd', '']],
    ['a sequence broken off by another', [0xe4, 0xbd, 0x61], ['', '', '\ufffda', '']],
    ['an overlong form', [0xc0, 0xaf], ['\ufffd', '\ufffd', '']],
    ['half a surrogate pair', [0xed, 0xa0, 0x80], ['', '\ufffd\ufffd', '\ufffd', '']],
    ['a byte order mark as text', [0xef, 0xbb, 0xbf, 0x61], ['', '', '\ufeff', 'a', '']],
    ['nothing', [], ['']],
  ])('gives %s', (_name, bytes, expected) => {
    expect(decode(bytes)).toEqual(expected);
  });

  it('agrees with decoding all bytes at once, and never ends inside a character', () => {
    let state = 12345;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state % n;
    };
    const lead = [0x61, 0x80, 0xbf, 0xc2, 0xe0, 0xe4, 0xed, 0xef, 0xbb, 0xbf, 0xf0, 0xf4, 0x9f, 0x98, 0xff];
    for (let round = 0; round < 3000; round++) {
      const bytes = Array.from({ length: random(12) }, () =>
        random(3) ? lead[random(lead.length)]! : random(256),
      );
      const pieces = decode(bytes);
      expect(pieces.join('')).toBe(
        new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)),
      );
      for (const piece of pieces) expect(piece).not.toMatch(/\p{Cs}/u);
    }
  });
});
