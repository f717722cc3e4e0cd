import { randomUUID } from 'node:crypto';
import type { Take } from '@zen/admission';
import { RedisServer, redisMissing } from '@zen/testing';
import { until } from '../gateway.fixture';
import { limitBookConformance } from './limit-book.fixture';
import { RedisBook, type RedisBookOptions } from './redis-book';

jest.setTimeout(60_000);

const missing = redisMissing();
const real = missing ? describe.skip : describe;

real(`Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const server = new RedisServer();
  const books: RedisBook[] = [];
  beforeAll(() => server.start());
  afterEach(async () => {
    await Promise.all(books.splice(1).map((book) => book.close()));
  });
  afterAll(async () => {
    await Promise.all(books.splice(0).map((book) => book.close()));
    await server.stop();
  });

  async function open(changes: Partial<RedisBookOptions> = {}): Promise<RedisBook> {
    const options = { url: server.url, password: undefined, ca: undefined, leaseMs: 30_000 };
    const opened = new Promise<RedisBook>((resolve, reject) => {
      const book: RedisBook = new RedisBook({
        ...options,
        // These tests are of what is answered, on however slow a machine.
        deadlineMs: 20_000,
        name: randomUUID(),
        onFailure: (message) => reject(new Error(message)),
        onReady: () => resolve(book),
        ...changes,
      });
      books.push(book);
    });
    return opened;
  }

  describe('as a book', () => {
    beforeAll(() => open());
    limitBookConformance('Redis', () => ({
      book: books[0] as RedisBook,
      pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    }));
  });

  const takeOf = (streams: number): Take => ({
    key: randomUUID(),
    limits: { requestsPerMinute: 100, tokensPerMinute: null, streams },
    tokens: 1,
    lease: randomUUID(),
  });

  test('two gateways share one budget', async () => {
    const [one, other] = [await open(), await open()];
    const take = takeOf(1000);
    const verdicts = await Promise.all(
      [...Array(200).keys()].map((i) =>
        (i % 2 ? one : other).take({ ...take, limits: { ...take.limits, requestsPerMinute: 6 } }),
      ),
    );
    expect(verdicts.filter(({ denied }) => denied === null)).toHaveLength(6);
  });

  test('a place that is not renewed is free after its time; one that is renewed is not', async () => {
    const book = await open({ leaseMs: 2000 });
    const take = takeOf(1);
    await book.take(take);
    for (let i = 0; i < 9; i++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await book.renew([[take.key, new Set([take.lease])]]);
      expect((await book.take({ ...take, lease: 'other' })).denied).toMatchObject({ what: 'streams' });
    }
    await until('it is free', async () => (await book.take({ ...take, lease: 'other' })).denied === null);
  });

  test('a place that is not renewed is free although its neighbour is', async () => {
    const book = await open({ leaseMs: 2000 });
    const take = takeOf(2);
    await book.take(take);
    await book.take({ ...take, lease: 'left alone' });
    await until('it is free', async () => {
      await book.renew([[take.key, new Set([take.lease])]]);
      return (await book.take({ ...take, lease: 'other' })).denied === null;
    });
    expect((await book.take({ ...take, lease: 'one more' })).denied).toMatchObject({ what: 'streams' });
  });

  test('a renewal brings back what a restart of Redis has lost', async () => {
    const book = await open();
    const take = takeOf(1);
    await book.take(take);
    server.cli('flushall');
    await book.renew([[take.key, new Set([take.lease])]]);
    expect((await book.take({ ...take, lease: 'other' })).denied).toMatchObject({ what: 'streams' });
  });

  test('gateways are counted while they renew', async () => {
    server.cli('flushall');
    const one = await open({ leaseMs: 2000 });
    const two = await open({ leaseMs: 2000 });
    expect(await one.renew([])).toBe(1);
    expect(await two.renew([])).toBe(2);
    await until('the other has ended', async () => (await one.renew([])) === 1);
  });

  test('nothing in Redis names a key or tenant, and everything ends by itself', async () => {
    server.cli('flushall');
    const book = await open();
    const take = { ...takeOf(3), key: 'tenant-of-the-key' };
    await book.take(take);
    await book.renew([[take.key, new Set([take.lease])]]);
    const names = server.cli('keys', '*').split('\n');
    expect(names).toHaveLength(3);
    expect(names.join()).not.toContain('tenant');
    for (const name of names) {
      expect(name).toMatch(/^zen:limits:/);
      expect(Number(server.cli('pttl', name))).toBeGreaterThan(0);
    }
  });

  test('a clock of a gateway does not matter', async () => {
    const book = await open();
    const take = takeOf(1);
    const limits = { ...take.limits, requestsPerMinute: 6, streams: null };
    jest.spyOn(Date, 'now').mockReturnValue(0);
    jest.spyOn(performance, 'now').mockReturnValue(1e12);
    try {
      for (let i = 0; i < 6; i++) expect((await book.take({ ...take, limits })).denied).toBeNull();
    } finally {
      jest.restoreAllMocks();
    }
    expect((await book.take({ ...take, limits })).denied).toMatchObject({ what: 'requests' });
  });
});
