import { Acceptance, MatchAcceptance } from './acceptance';

test('a rate goes from its prior to what is seen, and follows a change', () => {
  const acceptance = new Acceptance(() => 0.5);
  expect(acceptance.rate).toBe(0.5);
  for (let i = 0; i < 200; i++) acceptance.add(i % 4 !== 0);
  expect(acceptance.rate).toBeCloseTo(0.75, 1);
  for (let i = 0; i < 200; i++) acceptance.add(false);
  expect(acceptance.rate).toBeLessThan(0.1);
});

test('longer matches begin with the rate of shorter ones, and have their own', () => {
  const rates = new MatchAcceptance((length) => (length <= 4 ? 0.2 : 0.4));
  expect([1, 4, 5, 30].map((length) => rates.rate(length))).toEqual([0.2, 0.2, 0.4, 0.4]);
  for (let i = 0; i < 100; i++) rates.add(3, true);
  expect(rates.rate(2)).toBe(0.2);
  expect(rates.rate(20)).toBeGreaterThan(0.8);
  for (let i = 0; i < 100; i++) rates.add(20, false);
  expect(rates.rate(20)).toBeLessThan(0.2);
  expect(rates.rate(6)).toBeGreaterThan(0.8);
});
