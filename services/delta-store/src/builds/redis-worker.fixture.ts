import { RedisQueue } from './redis-queue';

/** A process that takes one build and never ends it; `argv[2]` is the Redis. */
const queue = new RedisQueue(
  { url: process.argv[2]!, password: undefined, ca: undefined },
  {
    run: () => {
      process.stdout.write('running\n');
      return new Promise(() => {});
    },
    failed: async () => undefined,
    onError: () => undefined,
    attempts: 3,
    backoffMs: 10,
  },
  1000,
);
void queue.add({ tenant: 'acme', id: 'ab' });
