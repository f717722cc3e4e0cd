import { PacedThinker, until } from '../gateway.fixture';
import { Fleet } from './fleet';
import { thinkerConnector } from './thinker-client';

jest.setTimeout(60_000);

const endpoint = (address: string) => ({ address, node: '', zone: '' });

describe('a fleet whose source changes', () => {
  const thinkers = [new PacedThinker(), new PacedThinker()];
  let tell: (addresses: readonly string[]) => void;
  const fleet = new Fleet({
    connect: thinkerConnector(undefined),
    watchIntervalMs: 50,
    random: Math.random,
    onState: () => undefined,
    families: [],
    sources: [
      {
        follow: async (onSet, signal) => {
          tell = (addresses) => onSet(addresses.map(endpoint));
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
      },
    ],
  });
  const up = () => fleet.replicas().flatMap((replica) => (replica.up ? [replica.address] : []));

  beforeAll(async () => {
    await Promise.all(thinkers.map((thinker) => thinker.start()));
    fleet.start();
  });
  afterAll(async () => {
    await fleet.stop();
    await Promise.all(thinkers.map((thinker) => thinker.stop()));
  });

  test('a new thinker is connected to; what runs on one that is leaving goes on to its end', async () => {
    const [first, second] = thinkers as [PacedThinker, PacedThinker];
    tell([first.address]);
    await until('the first is connected', () => up().join() === first.address);
    const [link] = fleet.group('paced').links;
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    first.options.before = (index) => (index === 1 ? held : undefined);
    const texts: string[] = [];
    const stream = link?.client.generate({ maxTokens: 4 });
    const reading = (async () => {
      for await (const { event } of stream ?? []) if (event?.$case === 'piece') texts.push(event.value.text);
    })();
    await until('it answers', () => texts.length === 1);
    tell([second.address]);
    await until('only the second is left', () => up().join() === second.address);
    expect(fleet.replicas()).toHaveLength(1);
    go();
    await reading;
    expect(texts).toEqual(['w0 ', 'w1 ', 'w2 ', 'w3 ']);
  });

  test('an empty set leaves nobody, and the model is still known', async () => {
    tell([]);
    await until('nobody is left', () => fleet.replicas().length === 0);
    expect(() => fleet.group('paced')).toThrow(expect.objectContaining({ failure: 'unavailable' }));
  });
});

describe('a fleet that has just begun', () => {
  const thinker = new PacedThinker();
  const tell: ((addresses: readonly string[]) => void)[] = [];
  const fleet = new Fleet({
    connect: thinkerConnector(undefined),
    watchIntervalMs: 50,
    random: Math.random,
    onState: () => undefined,
    families: [],
    sources: [0, 1].map((at) => ({
      follow: async (onSet, signal) => {
        tell[at] = (addresses) => onSet(addresses.map(endpoint));
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
    })),
  });
  afterAll(async () => {
    await fleet.stop();
    await thinker.stop();
  });

  test('is acquainted when every source has spoken and all that they named were tried', async () => {
    const address = await thinker.start();
    let acquainted = false;
    void fleet.acquainted.then(() => {
      acquainted = true;
    });
    fleet.start();
    tell[0]?.([address]);
    await until('the thinker is connected', () => fleet.replicas().some(({ up }) => up));
    expect(acquainted).toBe(false);
    // Nobody listens on the other one.
    tell[1]?.(['127.0.0.1:1']);
    expect(acquainted).toBe(false);
    await fleet.acquainted;
    expect(fleet.replicas().filter(({ up }) => up)).toHaveLength(1);
  });
});
