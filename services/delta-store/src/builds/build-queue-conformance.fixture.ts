import { type BuildJob, type BuildQueue, HopelessBuild, type QueueOptions } from './build-queue';

/** What every queue promises; `open` gives one that nobody has used. */
export function buildQueueConformance(
  name: string,
  open: (options: QueueOptions) => Promise<BuildQueue> | BuildQueue,
): void {
  describe(`${name} brings builds to a worker`, () => {
    const queues: BuildQueue[] = [];
    afterEach(() => Promise.all(queues.splice(0).map((queue) => queue.close())));

    const job = (id: string): BuildJob => ({ tenant: 'acme', id });
    const until = async (done: () => boolean) => {
      while (!done()) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    async function start(changes: Partial<QueueOptions>) {
      const failed: { id: string; reason: string }[] = [];
      const queue = await open({
        run: async () => undefined,
        failed: async ({ id }, error) => void failed.push({ id, reason: (error as Error).message }),
        onError: () => undefined,
        attempts: 3,
        backoffMs: 10,
        ...changes,
      });
      queues.push(queue);
      return { queue, failed };
    }

    test('each once, one at a time, however often it is added while it waits or runs', async () => {
      const ran: string[] = [];
      let running = 0;
      let most = 0;
      let go = () => {};
      const held = new Promise<void>((resolve) => {
        go = resolve;
      });
      const { queue } = await start({
        run: async ({ id }) => {
          most = Math.max(most, ++running);
          await held;
          ran.push(id);
          running--;
        },
      });
      await queue.add(job('a'));
      await until(() => running === 1);
      for (const id of ['b', 'c', 'b', 'a', 'c']) await queue.add(job(id));
      go();
      await until(() => ran.length >= 3);
      expect([...ran].sort()).toEqual(['a', 'b', 'c']);
      expect(most).toBe(1);
    });

    test('again where it fails, then it is told; what is hopeless is told at once', async () => {
      const attempts: string[] = [];
      const { queue, failed } = await start({
        run: async ({ id }, attempt) => {
          attempts.push(`${id}${attempt}`);
          if (id === 'hopeless') throw new HopelessBuild('the file is no model');
          if (id === 'heals' && attempt === 3) return;
          throw new Error('the disk was full');
        },
      });
      await queue.add(job('fails'));
      await until(() => failed.length === 1);
      await queue.add(job('hopeless'));
      await until(() => failed.length === 2);
      await queue.add(job('heals'));
      await until(() => attempts.includes('heals3'));
      expect(attempts).toEqual(['fails1', 'fails2', 'fails3', 'hopeless1', 'heals1', 'heals2', 'heals3']);
      expect(failed).toEqual([
        { id: 'fails', reason: 'the disk was full' },
        { id: 'hopeless', reason: 'the file is no model' },
      ]);
    });

    test('one that has ended may be added again', async () => {
      let runs = 0;
      const { queue } = await start({ run: async () => void runs++ });
      await queue.add(job('again'));
      await until(() => runs === 1);
      // It may be on its way out still, in which case adding it is adding what runs.
      while (runs < 2) {
        await queue.add(job('again'));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });

    test('closing tells what runs to stop, and waits for it', async () => {
      let stopped = false;
      let running = false;
      const { queue } = await start({
        run: async (_, __, signal) => {
          running = true;
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          stopped = true;
          throw signal.reason;
        },
      });
      await queue.add(job('long'));
      await until(() => running);
      await queue.close();
      expect(stopped).toBe(true);
    });
  });
}
