import { bandwidth, duration, megabytes, milliseconds, percent } from './format';

test.each([
  [megabytes(63_100_000), '63.1 MB'],
  [megabytes(128_600_000), '129 MB'],
  [megabytes(1_112_000_000), '1.11 GB'],
  [megabytes(900), '1 kB'],
  [bandwidth(2_500_000), '20 Mbit/s'],
  [bandwidth(125_000), '1.0 Mbit/s'],
  [duration(0.2), '1 s'],
  [duration(59.5), '1 min'],
  [duration(200), '3 min 20 s'],
  [duration(7500), '2 h 5 min'],
  [percent(0.751), '75.1 %'],
  [percent(0.9999), '>99.9 %'],
  [percent(1), '100.0 %'],
  [percent(0.9949, 0), '99 %'],
  [percent(0.996, 0), '>99 %'],
  [milliseconds(6.54), '6.5 ms'],
  [milliseconds(181.4), '181 ms'],
  [milliseconds(2350), '2.4 s'],
])('%s', (shown, expected) => {
  expect(shown).toBe(expected);
});
