import { slope } from './memory-of';
import { readOptions } from './speech-options';

describe('options of the speech bench', () => {
  const partsOf = (...argv: string[]) => [...readOptions(argv).parts];

  it('run everything but the soak', () => {
    expect(partsOf()).toEqual(['paced', 'conversations', 'whole', 'hundredth', 'bargein', 'roundtrip']);
    expect(partsOf('--only', 'roundtrip,paced')).toEqual(['roundtrip', 'paced']);
    expect(partsOf('--soak', '1h')).toEqual(['soak']);
  });

  it.each([
    ['90s', 90],
    ['10m', 600],
    ['1h', 3600],
  ])('take %s for a soak', (time, seconds) => {
    expect(readOptions(['--soak', time, '--sessions', '8'])).toMatchObject({
      soakSeconds: seconds,
      sessions: 8,
    });
  });

  it.each([
    [['--soak', 'long'], /--soak must be a time/],
    [['--soak'], /--soak needs a value/],
    [['--sessions', '0'], /--sessions must be 1 to 64/],
    [['--only', 'all'], /--only must be among/],
    [['--fast'], /--fast is not one of/],
  ])('refuse %j', (argv, message) => {
    expect(() => readOptions(argv)).toThrow(message);
  });
});

it('finds the slope of what grows', () => {
  expect(
    slope([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
  ).toBeCloseTo(2);
  expect(
    slope([
      [0, 4],
      [1, 4],
      [2, 4],
    ]),
  ).toBe(0);
});
