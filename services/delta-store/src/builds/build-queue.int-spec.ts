import { RedisServer, redisMissing } from '@zen/testing';
import type { BuildQueue, QueueOptions } from './build-queue';
import { buildQueueConformance } from './build-queue-conformance.fixture';
import { LocalQueue } from './local-queue';
import { RedisQueue } from './redis-queue';

jest.setTimeout(180_000);

buildQueueConformance('this process', (options) => new LocalQueue(options));

const missing = redisMissing();
(missing ? describe.skip : describe)(`Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const server = new RedisServer();
  beforeAll(() => server.start());
  afterAll(() => server.stop());
  const place = () => ({ url: server.url, password: undefined, ca: undefined });

  buildQueueConformance('Redis', (options) => {
    server.cli('FLUSHALL');
    return new RedisQueue(place(), options);
  });

  test('nothing but names is in Redis', async () => {
    server.cli('FLUSHALL');
    const queue = new RedisQueue(place(), {
      run: async (_, __, signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
      failed: async () => undefined,
      onError: () => undefined,
      attempts: 1,
      backoffMs: 1,
    });
    await queue.add({ tenant: 'acme', id: 'ab' });
    const key = server.cli('--scan', '--pattern', 'bull:zen-delta-builds:[0-9a-f]*').split('\n')[0]!;
    expect(JSON.parse(server.cli('HGET', key, 'data'))).toEqual({ tenant: 'acme', id: 'ab' });
    await queue.close();
  });

  test('the build of a worker that vanished is run by another', async () => {
    server.cli('FLUSHALL');
    const options = (run: QueueOptions['run']): QueueOptions => ({
      run,
      failed: async () => undefined,
      onError: () => undefined,
      attempts: 3,
      backoffMs: 10,
    });
    let first = false;
    const never = new Promise<void>(() => {});
    const lost = new RedisQueue(
      place(),
      options(async () => {
        first = true;
        await never;
      }),
      1000,
    );
    await lost.add({ tenant: 'acme', id: 'ab' });
    while (!first) await new Promise((resolve) => setTimeout(resolve, 20));
    // Its connections go, as with its process; the lock is renewed no more.
    lost.vanish();
    const again = await new Promise<{ queue: BuildQueue; attempt: number }>((resolve) => {
      const queue: BuildQueue = new RedisQueue(
        place(),
        options(async ({ id }, attempt) => {
          if (id === 'ab') setImmediate(() => resolve({ queue, attempt }));
        }),
        1000,
      );
    });
    expect(again.attempt).toBeGreaterThanOrEqual(1);
    await again.queue.close();
  });
});
