import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { RedisServer, redisMissing, TYPESCRIPT_RUNNER } from '@zen/testing';
import type { QueueOptions } from './build-queue';
import { buildQueueConformance } from './build-queue-conformance.fixture';
import { LocalQueue } from './local-queue';
import { RedisQueue } from './redis-queue';

jest.setTimeout(180_000);

const CHILD = join(__dirname, 'redis-worker.fixture.ts');

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
        while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20));
      },
      failed: async () => undefined,
      onError: () => undefined,
      attempts: 1,
      backoffMs: 1,
    });
    await queue.add({ tenant: 'acme', id: 'ab' });
    const keys = server.cli('--scan', '--pattern', 'bull:zen-delta-builds:*').split('\n');
    const key = keys.find((each) => /:[0-9a-f]{64}$/.test(each))!;
    expect(JSON.parse(server.cli('HGET', key, 'data'))).toEqual({ tenant: 'acme', id: 'ab' });
    await queue.close();
  });

  test('the build of a process that was killed is run by another', async () => {
    server.cli('FLUSHALL');
    const child = spawn(process.execPath, ['-r', TYPESCRIPT_RUNNER, CHILD, server.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (text) => /running/.test(String(text)) && resolve());
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    let taken = () => {};
    const again = new Promise<void>((resolve) => {
      taken = resolve;
    });
    const options: QueueOptions = {
      run: async ({ id }) => {
        if (id === 'ab') taken();
      },
      failed: async () => undefined,
      onError: () => undefined,
      attempts: 3,
      backoffMs: 10,
    };
    const queue = new RedisQueue(place(), options, 1000);
    await again;
    await queue.close();
  });
});
