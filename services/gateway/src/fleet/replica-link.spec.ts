import { DescribeResponse, WatchResponse } from '@zen/contracts';
import { ReplicaLink } from './replica-link';
import type { ThinkerClient } from './thinker-client';

/** A thinker whose model arrives between the first question what it is and the first report. */
function arriving(): ThinkerClient {
  let asked = 0;
  return {
    describe: async () => DescribeResponse.fromPartial({ model: asked++ === 0 ? '' : 'm', host: 'node' }),
    async *watch(_: unknown, { signal }: { signal: AbortSignal }) {
      yield WatchResponse.fromPartial({ load: {}, stages: [{ stage: 0 }] });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
    close: () => {},
  } as unknown as ThinkerClient;
}

test('a thinker is asked again what it is once its model has arrived', async () => {
  const link = new ReplicaLink('a:1', {
    connect: arriving,
    watchIntervalMs: 50,
    random: () => 0,
    onState: () => {},
  });
  for (let tries = 0; link.about === undefined && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(link.about?.model).toBe('m');
  expect(link.view()?.host).toBe('node');
  await link.stop();
});

test('one that shuts down gets nothing new, but is not down', async () => {
  const draining = (): ThinkerClient =>
    ({
      describe: async () => DescribeResponse.fromPartial({ model: 'm' }),
      async *watch(_: unknown, { signal }: { signal: AbortSignal }) {
        yield WatchResponse.fromPartial({ load: {}, stages: [{ stage: 0 }] });
        await going;
        yield WatchResponse.fromPartial({ load: {}, stages: [{ stage: 0 }], draining: true });
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
      close: () => {},
    }) as unknown as ThinkerClient;
  let go = () => {};
  const going = new Promise<void>((resolve) => {
    go = resolve;
  });
  const options = { connect: draining, watchIntervalMs: 50, random: () => 0, onState: () => {} };
  const link = new ReplicaLink('a:1', options);
  const until = async (condition: () => boolean) => {
    for (let tries = 0; !condition() && tries < 200; tries++)
      await new Promise((done) => setTimeout(done, 5));
  };
  await until(() => link.view() !== undefined);
  expect(link.view()).toMatchObject({ id: 'a:1', host: null });
  go();
  await until(() => link.view() === undefined);
  expect(link.view()).toBeUndefined();
  expect(link.about?.model).toBe('m');
  await link.stop();
});
