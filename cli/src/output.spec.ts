import { PassThrough } from 'node:stream';
import { formatBytes, formatTable, Output } from './output';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [98_362_432, '93.8 MiB'],
    [2 ** 40, '1.0 TiB'],
    [2 ** 60, '1048576.0 TiB'],
  ])('%d', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatTable', () => {
  it('aligns words to the left and numbers to the right', () => {
    expect(
      formatTable([
        ['name', 'n'],
        ['a', 10],
        ['long', 9],
      ]),
    ).toBe('name  n\na     10\nlong   9');
  });
});

describe('Output', () => {
  const captured = () => {
    const out = new PassThrough();
    const err = new PassThrough();
    return { out, err, text: (stream: PassThrough) => (stream.read() ?? '').toString() as string };
  };

  it('writes one line of JSON to stdout and one line per phase to stderr where there is no terminal', () => {
    const { out, err, text } = captured();
    const output = new Output(true, out, err);
    for (let done = 0; done < 3; done++) output.progress('coding', done, 3);
    output.progress('writing', 0, 1);
    output.result({ a: 1 }, 'text');
    expect(text(out)).toBe('{"a":1}\n');
    expect(text(err)).toBe('coding\nwriting\n');
  });

  it('says every half minute how far a long phase is and how long it takes yet', () => {
    const { out, err, text } = captured();
    let now = 0;
    const output = new Output(true, out, err, () => now);
    for (let done = 2; done <= 8; done++, now += 12_000) output.progress('coding', done, 10);
    expect(text(err)).toBe('coding\ncoding 50%, about 60 s left\ncoding 80%, about 24 s left\n');
  });

  it('writes text without --json', () => {
    const { out, err, text } = captured();
    new Output(false, out, err).result({ a: 1 }, 'text');
    expect(text(out)).toBe('text\n');
  });
});
