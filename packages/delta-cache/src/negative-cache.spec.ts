import { NegativeCache } from './negative-cache';

describe('a negative cache', () => {
  test('answers until the lifetime is over', () => {
    const cache = new NegativeCache<string>(10);
    cache.add('a', 'not there', 100);
    expect(cache.get('a', 99)).toBe('not there');
    expect(cache.get('a', 100)).toBeUndefined();
    expect(cache.get('a', 0)).toBeUndefined();
    cache.add('b', 'denied', 200);
    expect([[...cache.values(199)], [...cache.values(200)]]).toEqual([['denied'], []]);
  });

  test('keeps the latest of so many, and forgets what it is told to', () => {
    const cache = new NegativeCache<string>(2);
    for (const key of ['a', 'b', 'c']) cache.add(key, key, 100);
    expect(['a', 'b', 'c'].map((key) => cache.get(key, 0))).toEqual([undefined, 'b', 'c']);
    cache.remove('b');
    expect(cache.get('b', 0)).toBeUndefined();
  });
});
