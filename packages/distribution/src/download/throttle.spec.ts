import { Throttle } from './throttle';

describe('Throttle', () => {
  it('lets the rate pass, whatever the pieces', () => {
    let now = 0;
    const throttle = new Throttle(1_000_000, () => now);
    let bytes = 0;
    while (now < 10_000) {
      const piece = 1 + ((bytes * 7919) % 65_536);
      bytes += piece;
      now += throttle.pay(piece);
    }
    expect(bytes / (now / 1000)).toBeGreaterThan(990_000);
    expect(bytes / (now / 1000)).toBeLessThan(1_020_000);
  });

  it('does not save up for a quiet hour', () => {
    let now = 0;
    const throttle = new Throttle(1_000_000, () => now);
    now = 3_600_000;
    expect(throttle.pay(200_000)).toBe(0);
    expect(throttle.pay(100_000)).toBeCloseTo(100, 6);
  });

  it('is shared by those who read at once', () => {
    const now = 0;
    const throttle = new Throttle(1000, () => now);
    throttle.pay(200);
    expect(throttle.pay(1000)).toBeCloseTo(1000, 6);
    expect(throttle.pay(1000)).toBeCloseTo(2000, 6);
  });
});
