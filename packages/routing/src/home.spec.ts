import { homeOf } from './home';

const keys = [...Array(3000).keys()].map((i) => `tenant-${i % 7} sha256:${(i * 2654435761).toString(16)}`);
const ids = ['10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.3:50051', '10.0.0.4:50051'];

describe('the home of a key', () => {
  test('does not depend on the order of the ids', () => {
    for (const key of keys) expect(homeOf(key, [...ids].reverse())).toBe(homeOf(key, ids));
  });

  test('is spread evenly', () => {
    const counts = ids.map((id) => keys.filter((key) => homeOf(key, ids) === id).length);
    for (const count of counts) {
      expect(count).toBeGreaterThan((keys.length / ids.length) * 0.85);
      expect(count).toBeLessThan((keys.length / ids.length) * 1.15);
    }
  });

  test('moves only with the id that goes', () => {
    const [gone, ...rest] = ids;
    for (const key of keys) {
      const before = homeOf(key, ids);
      if (before !== gone) expect(homeOf(key, rest)).toBe(before);
    }
  });

  test('is nowhere without ids', () => expect(homeOf('key', [])).toBeUndefined());
});
