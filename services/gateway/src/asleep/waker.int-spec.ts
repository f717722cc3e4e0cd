import type { Endpoint } from '@zen/cluster';
import { Fleet } from '../fleet/fleet';
import { thinkerConnector } from '../fleet/thinker-client';
import { PacedThinker, until } from '../gateway.fixture';
import type { DeclaredModel } from './declared-model';
import type { ModelBook } from './model-book';
import { Waker } from './waker';

jest.setTimeout(60_000);

const PACED: DeclaredModel = {
  name: 'p',
  model: 'paced',
  replicas: 0,
  resourceVersion: '1',
  minStage: 0,
  idleAfterSeconds: 0,
  wake: { onDemand: true, replicas: 1, holdSeconds: 30 },
};

describe('a model without a thinker', () => {
  const thinker = new PacedThinker();
  let declared: DeclaredModel[] = [PACED];
  const wakes: string[] = [];
  const uses: string[] = [];
  const late: string[] = [];
  let woken = async () => {};
  const book: ModelBook = {
    find: (name) => declared.find(({ model }) => model === name),
    all: () => declared,
    wake: async ({ name }) => {
      wakes.push(name);
      await woken();
    },
    used: async ({ name }) => {
      uses.push(name);
    },
  };
  let tell: (endpoints: readonly Endpoint[]) => void;
  const fleet = new Fleet({
    book,
    connect: thinkerConnector(undefined),
    watchIntervalMs: 50,
    random: Math.random,
    onState: () => undefined,
    onRoom: () => waker.look(),
    families: [
      {
        name: 'family',
        members: [
          { model: 'paced', weight: 1 },
          { model: 'other', weight: null },
        ],
      },
    ],
    sources: [
      {
        follow: async (onSet, signal) => {
          tell = onSet;
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
      },
    ],
  });
  const waker = new Waker(book, fleet, {
    now: () => performance.now(),
    caps: { requests: 2, bytes: 100 },
    timeoutMs: 30_000,
    onWoken: () => undefined,
    onLate: (model) => late.push(model),
    onTrouble: () => undefined,
  });
  const never = new AbortController().signal;
  const at = (address: string): Endpoint => ({ address, node: '', zone: '' });

  beforeAll(async () => {
    await thinker.start();
    fleet.start();
  });
  beforeEach(async () => {
    declared = [PACED];
    woken = async () => {};
    for (const list of [wakes, uses, late]) list.length = 0;
    tell([]);
    await until('nobody is connected', () => fleet.replicas().length === 0);
  });
  afterAll(async () => {
    waker.close();
    await fleet.stop();
    await thinker.stop();
  });

  test('is listed, is known, and has traffic to estimate by', () => {
    expect(fleet.asleep()).toEqual([PACED]);
    expect(fleet.isModel('paced')).toBe(true);
    expect(fleet.ready()).toBe(true);
    expect(fleet.trafficTo('paced').estimate({ $case: 'text', value: 'abcd' })).toBe(1);
    expect(() => fleet.trafficTo('nobody')).toThrow('does not exist');
  });

  test('is asked to wake once for all who wait, and they go on when it can answer', async () => {
    woken = async () => {
      declared = [{ ...PACED, replicas: 1 }];
      tell([at(thinker.address)]);
    };
    await Promise.all([waker.awake('paced', 10, never), waker.awake('', 10, never)]);
    expect(wakes).toEqual(['p']);
    expect(fleet.asleep()).toEqual([]);
    // Awake, nobody waits or asks.
    await waker.awake('paced', 1_000_000, never);
    expect(wakes).toEqual(['p']);
  });

  test('wakes for its family too', async () => {
    woken = async () => tell([at(thinker.address)]);
    await waker.awake('family', 10, never);
    expect(wakes).toEqual(['p']);
  });

  test('that does not come in time is told to be tried again', async () => {
    declared = [{ ...PACED, replicas: 1, wake: { ...PACED.wake, holdSeconds: 0 } }];
    await expect(waker.awake('paced', 10, never)).rejects.toMatchObject({
      failure: 'unavailable',
      retryAfterS: 5,
      message: expect.stringContaining('was not there within 0 s'),
    });
    expect(late).toEqual(['paced']);
    // It is on its way: nobody needs to ask.
    expect(wakes).toEqual([]);
  });

  test('is left asleep where requests may not wake it', async () => {
    declared = [{ ...PACED, wake: { ...PACED.wake, onDemand: false } }];
    await expect(waker.awake('paced', 10, never)).rejects.toMatchObject({ failure: 'unavailable' });
    expect(fleet.ready()).toBe(false);
    expect(wakes).toEqual([]);
  });

  test('holds only so many, and forgets who goes', async () => {
    const gone = new AbortController();
    const waiting = [waker.awake('paced', 50, gone.signal), waker.awake('paced', 50, gone.signal)];
    const ended = Promise.allSettled(waiting);
    expect(waker.heldRequests).toBe(2);
    await expect(waker.awake('paced', 0, never)).rejects.toMatchObject({ failure: 'overloaded' });
    gone.abort();
    for (const result of await ended)
      expect(result).toMatchObject({ status: 'rejected', reason: { failure: 'cancelled' } });
    expect(waker.heldRequests).toBe(0);
    await expect(waker.awake('paced', 101, never)).rejects.toMatchObject({ failure: 'overloaded' });
  });

  test('that sleeps by itself is marked as used while it is', async () => {
    declared = [{ ...PACED, idleAfterSeconds: 4 }];
    waker.used('paced');
    waker.used('nobody');
    await until('a mark', () => uses.length === 1);
    expect(uses).toEqual(['p']);
  });
});
