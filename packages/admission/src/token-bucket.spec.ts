import { TokenBucket } from './token-bucket';

describe('TokenBucket', () => {
  test('refills evenly and never above a minute', () => {
    const bucket = new TokenBucket(60, 0);
    bucket.take(60, 0);
    expect(bucket.waitMs(1, 0)).toBe(1000);
    expect(bucket.level(30_000)).toBe(30);
    expect(bucket.level(1e9)).toBe(60);
  });

  test('a debt is paid before the next', () => {
    const bucket = new TokenBucket(60, 0);
    bucket.take(90, 0);
    expect(bucket.level(0)).toBe(-30);
    expect(bucket.waitMs(1, 0) / 1000).toBeCloseTo(31);
    expect(bucket.resetMs(0) / 1000).toBeCloseTo(90);
  });

  test('more than a minute’s budget can still be had, with a full one', () => {
    const bucket = new TokenBucket(60, 0);
    expect(bucket.waitMs(500, 0)).toBe(0);
    bucket.take(1, 0);
    expect(bucket.waitMs(500, 0)).toBe(1000);
  });

  test('another budget gives nobody more at once', () => {
    const bucket = new TokenBucket(60, 0);
    bucket.take(50, 0);
    bucket.resize(600, 0);
    expect(bucket.level(0)).toBe(10);
    expect(bucket.level(1000)).toBe(20);
    bucket.resize(6, 1000);
    expect(bucket.level(1000)).toBe(6);
  });
});
