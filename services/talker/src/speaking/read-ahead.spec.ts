import { ReadAhead } from './read-ahead';

/** Numbers from 1 to `count`, and how far it was asked. */
function source(count: number) {
  const seen = { asked: 0, left: false };
  async function* items() {
    try {
      for (let item = 1; item <= count; item++) {
        seen.asked = item;
        yield item;
      }
    } finally {
      seen.left = true;
    }
  }
  return { items: items(), seen };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('asks for the next item while less than the limit is there, and not before', async () => {
  const { items, seen } = source(100);
  const { signal } = new AbortController();
  const ahead = new ReadAhead(items, () => 10, { limit: 25, signal });
  await settled();
  // Two items are less than 25; the third is one more.
  expect([seen.asked, ahead.size]).toEqual([3, 30]);
  expect(await ahead.next()).toBe(1);
  await settled();
  // Read, but not taken yet.
  expect(seen.asked).toBe(3);
  ahead.taken(4);
  await settled();
  expect(seen.asked).toBe(3);
  ahead.taken(6);
  await settled();
  expect([seen.asked, ahead.size]).toEqual([4, 30]);
});

test('gives everything in order, then the end', async () => {
  const { items } = source(50);
  const ahead = new ReadAhead(items, () => 1, { limit: 3, signal: new AbortController().signal });
  const got: number[] = [];
  for (let item = await ahead.next(); item !== undefined; item = await ahead.next()) {
    got.push(item);
    ahead.taken(1);
  }
  expect(got).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
});

test('what the source throws comes after what it gave', async () => {
  async function* failing() {
    yield 1;
    throw new Error('broken');
  }
  const ahead = new ReadAhead(failing(), () => 1, { limit: 9, signal: new AbortController().signal });
  expect(await ahead.next()).toBe(1);
  await expect(ahead.next()).rejects.toThrow('broken');
});

test('a signal leaves the source, forgets what is there, and ends who reads', async () => {
  const abort = new AbortController();
  const { items, seen } = source(100);
  const ahead = new ReadAhead(items, () => 1, { limit: 2, signal: abort.signal });
  await settled();
  abort.abort(new Error('over'));
  await settled();
  expect(seen).toEqual({ asked: 2, left: true });
  await expect(ahead.next()).rejects.toThrow('over');

  const other = new AbortController();
  async function* never() {
    yield await new Promise<number>(() => {});
  }
  const waiting = new ReadAhead(never(), () => 1, { limit: 2, signal: other.signal }).next();
  other.abort(new Error('over'));
  await expect(waiting).rejects.toThrow('over');
});
