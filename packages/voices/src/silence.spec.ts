import { pauseAfter, SilenceTrim } from './silence';

const RATE = 1000;
const of = (length: number, value: number) => new Float32Array(length).fill(value);

function trimmed(blocks: readonly Float32Array[], pauseS: number): number[] {
  const trim = new SilenceTrim(RATE, pauseS);
  return [...blocks.map((block) => trim.push(block)), trim.end()].flatMap((part) => [...part]);
}

describe('SilenceTrim', () => {
  it('leaves a little before, and the pause after', () => {
    const out = trimmed([of(100, 0.001), of(50, 0.5), of(400, 0.001)], 0.2);
    expect(out).toHaveLength(30 + 50 + 200);
    expect(out[0]).toBe(0);
    expect(out[30]).toBe(0.5);
    expect(out.at(-1)).toBe(0);
  });

  it('keeps pauses inside, wherever blocks are cut', () => {
    const whole = new Float32Array([
      ...of(40, 0),
      ...of(20, 0.3),
      ...of(90, 0.002),
      ...of(20, 0.4),
      ...of(60, 0),
    ]);
    const once = trimmed([whole], 0.1);
    expect(once).toHaveLength(30 + 20 + 90 + 20 + 100);
    for (const size of [1, 7, 50]) {
      const blocks: Float32Array[] = [];
      for (let at = 0; at < whole.length; at += size) blocks.push(whole.subarray(at, at + size));
      expect(trimmed(blocks, 0.1)).toEqual(once);
    }
  });

  it('does not cut what fades out, and fades what it cuts', () => {
    const out = trimmed([of(10, 0.5), of(200, 0.004)], 0);
    expect(out).toHaveLength(10 + 60);
    expect(out[10]).toBeCloseTo(0.004);
    expect(out.at(-1)!).toBeLessThan(0.0002);
  });

  it('says nothing where there is nothing', () => {
    expect(trimmed([of(500, 0.001)], 0.5)).toEqual([]);
    expect(trimmed([], 0.5)).toEqual([]);
  });
});

describe('pauseAfter', () => {
  it('is longer after more', () => {
    const pauses = ['and', 'this, ', 'these: ', 'Yes. ', 'Yes.\n\n'].map(pauseAfter);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(new Set(pauses).size).toBe(5);
    expect(pauseAfter('He said “yes.” ')).toBe(pauseAfter('Yes. '));
    expect(pauseAfter('- an item\n')).toBe(pauseAfter('Yes. '));
  });
});
