import { Arrivals } from './arrivals';

describe('Arrivals', () => {
  test('counts a steady rate', () => {
    const arrivals = new Arrivals();
    for (let i = 0; i < 400; i++) arrivals.add(i * 250);
    expect(arrivals.perSecond(100_000)).toBeGreaterThan(3.6);
    expect(arrivals.perSecond(100_000)).toBeLessThan(4.6);
  });

  test('sees a flood at once, keeps it through a lull, and forgets it', () => {
    const arrivals = new Arrivals();
    expect(arrivals.perSecond(0)).toBe(0);
    for (let i = 0; i < 20; i++) arrivals.add(i * 50);
    expect(arrivals.perSecond(1000)).toBeGreaterThan(7);
    expect(arrivals.perSecond(4000)).toBeGreaterThan(1.4);
    expect(arrivals.perSecond(60_000)).toBeLessThan(0.01);
  });
});
