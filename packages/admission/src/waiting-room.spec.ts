import { DrainRate } from './drain-rate';
import { replicaRoom } from './replica-room';
import { type Ask, type Waiting, WaitingRoom } from './waiting-room';

const ASK: Ask = { group: 'm', band: 'normal', tenant: 'a', weight: 1, tokens: 10, bytes: 10 };

function open(requests: number, bytes = 1e9) {
  const room = new WaitingRoom<Ask>({ requests, bytes });
  const enter = (changes: Partial<Ask> = {}) => room.enter({ ...ASK, ...changes }, 0, 1000);
  return { room, enter };
}

test('one tenant alone gets half of a band, so that the next one finds room', () => {
  const { enter } = open(10);
  for (let i = 0; i < 5; i++) expect(enter()).toMatchObject({ order: i });
  expect(enter()).toEqual({ what: 'requests', whose: 'tenant', limit: 5 });
  for (let i = 0; i < 2; i++) expect(enter({ tenant: 'b' })).toMatchObject({ tenant: 'b' });
  expect(enter({ tenant: 'b' })).toMatchObject({ whose: 'tenant' });
  expect(enter({ tenant: 'c' })).toMatchObject({ tenant: 'c' });
  // Another band has places of its own.
  expect(enter({ band: 'batch' })).toMatchObject({ tenant: 'a' });
});

test('the last place is for somebody who has none, and then the band is full', () => {
  const { enter } = open(2);
  enter();
  expect(enter()).toMatchObject({ whose: 'tenant' });
  enter({ tenant: 'b' });
  expect(enter({ tenant: 'c' })).toEqual({ what: 'requests', whose: 'band', limit: 2 });
});

test('bytes count as requests do', () => {
  const { room, enter } = open(100, 1000);
  enter({ bytes: 500 });
  expect(enter({ bytes: 1 })).toEqual({ what: 'bytes', whose: 'tenant', limit: 500 });
  expect(enter({ tenant: 'b', bytes: 501 })).toEqual({ what: 'bytes', whose: 'band', limit: 1000 });
  enter({ tenant: 'b', bytes: 500 });
  expect(room.held('normal')).toEqual({ requests: 2, bytes: 1000 });
});

test('a room without places takes nobody', () => {
  expect(open(0).enter()).toEqual({ what: 'requests', whose: 'band', limit: 0 });
});

test('each leaves after its own time', () => {
  const { room } = open(10);
  const late = room.enter(ASK, 0, 100);
  room.enter({ ...ASK, tenant: 'b' }, 0, 200);
  expect(room.nextDeadlineMs()).toBe(100);
  expect(room.expire(99)).toEqual([]);
  expect(room.expire(100)).toEqual([late]);
  expect(room.nextDeadlineMs()).toBe(200);
  expect(room.leave(late as Waiting<Ask>)).toBe(false);
});

test('a group without room is passed over, whatever its band', () => {
  const { room, enter } = open(10);
  enter({ band: 'interactive', group: 'full' });
  const other = enter({ band: 'batch' });
  expect(room.next((group) => group !== 'full')).toBe(other);
  expect(room.next((group) => group !== 'full')).toBeUndefined();
  expect(room.size).toBe(1);
});

test.each([
  ['idle', {}, 36],
  ['its batch is full', { sequences: 32 }, 4],
  ['so is its slack', { sequences: 36 }, 0],
  ['it takes nobody beyond its batch', { sequences: 32, maxWaiting: 0 }, 0],
  ['some wait to be taken in', { sequences: 8, waiting: 8 }, 28],
  ['its cache is short and some wait', { sequences: 10, waiting: 3, kvFree: 0.05 }, 1],
  ['its cache is short and nobody waits', { sequences: 10, kvFree: 0.05 }, 26],
])('a replica’s room: %s', (_, changes, room) => {
  const idle = { maxRunning: 32, maxWaiting: 512, sequences: 0, waiting: 0, kvFree: 1 };
  expect(replicaRoom({ ...idle, ...changes })).toBe(room);
});

describe('DrainRate', () => {
  test('is what was served lately', () => {
    const rate = new DrainRate();
    for (let s = 0; s < 60; s++) rate.served(500, s * 1000);
    expect(rate.tokensPerSecond(60_000)).toBeCloseTo(500, -2);
    expect(rate.retryAfterS(5000, 60_000)).toBeGreaterThanOrEqual(9);
    expect(rate.retryAfterS(5000, 60_000)).toBeLessThanOrEqual(11);
  });

  test('says something bounded whatever is known', () => {
    const rate = new DrainRate();
    expect(rate.retryAfterS(1e6, 0)).toBe(10);
    rate.served(100, 0);
    expect(rate.retryAfterS(1e9, 0)).toBe(120);
    expect(rate.retryAfterS(0, 0)).toBe(1);
    expect(rate.retryAfterS(1e9, 1e9)).toBe(10);
  });
});
