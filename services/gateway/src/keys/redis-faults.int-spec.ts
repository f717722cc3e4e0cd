import { randomUUID } from 'node:crypto';
import type { Take } from '@zen/admission';
import { RedisServer, redisMissing } from '@zen/testing';
import { until } from '../gateway.fixture';
import { RedisBook, type RedisBookOptions } from './redis-book';
import { SharedBook } from './shared-book';

jest.setTimeout(60_000);

const missing = redisMissing();
const real = missing ? describe.skip : describe;

real(`limits when Redis fails${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: RedisServer;
  let common: RedisBook;
  let told: string[];
  let failures: string[];
  let alone: number;
  let key: string;
  beforeEach(() => {
    told = [];
    failures = [];
    alone = 0;
    key = randomUUID();
  });
  afterEach(async () => {
    server.signal('SIGCONT');
    await common.close();
    await server.stop();
  });

  async function open(argv: string[] = [], changes: Partial<RedisBookOptions> = {}): Promise<SharedBook> {
    server = new RedisServer(argv);
    await server.start();
    common = new RedisBook({
      url: server.url,
      password: undefined,
      ca: undefined,
      deadlineMs: 50,
      leaseMs: 30_000,
      name: randomUUID(),
      onFailure: (message) => failures.push(message),
      onReady: () => void book.beat(),
      ...changes,
    });
    const book: SharedBook = new SharedBook({
      common,
      now: () => performance.now(),
      onChange: (shared, why) => told.push(shared ? 'shared' : why),
      onAlone: () => alone++,
      onShared: () => {},
      onGateways: () => {},
    });
    return book;
  }

  /** One request of a key with plenty of requests and one place; true where it was let in. */
  async function ask(book: SharedBook, requestsPerMinute = 1e6): Promise<boolean> {
    const limits = { requestsPerMinute, tokensPerMinute: null, streams: 1 };
    const take: Take = { key, limits, tokens: 1, lease: randomUUID() };
    const { denied } = await book.take(take);
    if (!denied) await book.settle(take, 0);
    return denied === null;
  }

  /** Asks until limits are kept alone; every request is let in meanwhile and after. */
  async function fallsBack(book: SharedBook): Promise<void> {
    await until('it is said', async () => {
      expect(await ask(book)).toBe(true);
      return told.at(-1) !== 'shared';
    });
    const asked = jest.spyOn(common, 'take');
    for (let i = 0; i < 100; i++) expect(await ask(book)).toBe(true);
    // Now and then one tries; the others do not wait for it.
    expect(asked.mock.calls.length).toBeLessThan(20);
    asked.mockRestore();
    // It is not open wide either.
    key = randomUUID();
    let letIn = 0;
    for (let i = 0; i < 20; i++) if (await ask(book, 2)) letIn++;
    expect(letIn).toBeGreaterThanOrEqual(1);
    expect(letIn).toBeLessThanOrEqual(2);
    key = randomUUID();
  }

  async function comesBack(book: SharedBook): Promise<void> {
    await until('it is shared again', async () => {
      await ask(book);
      return told.at(-1) === 'shared';
    });
    const before = alone;
    await until('nothing is decided alone', async () => {
      const then = alone;
      for (let i = 0; i < 5; i++) expect(await ask(book)).toBe(true);
      return alone === then;
    });
    expect(alone).toBeGreaterThanOrEqual(before);
  }

  test('killed in the middle of traffic and started anew', async () => {
    const book = await open();
    await comesBack(book);
    let stop = false;
    let asked = 0;
    const traffic = (async () => {
      while (!stop) {
        expect(await ask(book)).toBe(true);
        asked++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await until('traffic flows', () => asked > 20);
    await server.kill();
    const then = asked;
    await until('traffic goes on', () => asked > then + 20 && told.at(-1) !== 'shared');
    await server.start();
    await until('it is shared again', () => told.at(-1) === 'shared');
    stop = true;
    await traffic;
    await server.kill();
    await fallsBack(book);
  });

  test('it hangs: nobody waits for it more than a few times', async () => {
    const book = await open();
    await comesBack(book);
    server.signal('SIGSTOP');
    await fallsBack(book);
    server.signal('SIGCONT');
    await comesBack(book);
  });

  test('out of memory', async () => {
    const book = await open();
    await comesBack(book);
    server.cli('config', 'set', 'maxmemory', '1');
    await fallsBack(book);
    expect(told.at(-1)).toContain('OOM');
    server.cli('config', 'set', 'maxmemory', '0');
    await comesBack(book);
  });

  test('a replica that takes no writes, as after a failover', async () => {
    const book = await open();
    await comesBack(book);
    server.cli('replicaof', '127.0.0.1', '1');
    await fallsBack(book);
    server.cli('replicaof', 'no', 'one');
    await comesBack(book);
  });

  test('slower than anybody should wait', async () => {
    const book = await open();
    await comesBack(book);
    const sleeper = setInterval(() => server.signal('SIGSTOP'), 20);
    const waker = setInterval(() => server.signal('SIGCONT'), 400);
    try {
      await fallsBack(book);
    } finally {
      clearInterval(sleeper);
      clearInterval(waker);
    }
    server.signal('SIGCONT');
    await comesBack(book);
  });

  test('a wrong password: said without it, and put right on the server it works', async () => {
    const book = await open(['--requirepass', 'the-right-one'], { password: 'the-wrong-one' });
    await fallsBack(book);
    await until('it is said why', () => failures.some((message) => /WRONGPASS|NOAUTH/.test(message)));
    expect([...failures, ...told].join()).not.toMatch(/the-(right|wrong)-one/);
    server.cli('-a', 'the-right-one', 'config', 'set', 'requirepass', 'the-wrong-one');
    await comesBack(book);
  });

  test('nobody is there from the beginning', async () => {
    const book = await open();
    await server.kill();
    await fallsBack(book);
    await server.start();
    await comesBack(book);
  });
});
