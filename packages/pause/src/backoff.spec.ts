import { Backoff } from './backoff';

test('twice as long each time up to the most, and from the first again once it worked', () => {
  const backoff = new Backoff(100, 500, () => 0.5);
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([100, 200, 400, 500, 500]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test('spread by half to either side', () => {
  expect(new Backoff(100, 500, () => 0).next()).toBe(50);
  expect(new Backoff(100, 500, () => 0.999).next()).toBeCloseTo(149.9, 6);
});
