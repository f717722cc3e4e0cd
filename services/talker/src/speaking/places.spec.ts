import type { Band } from '@zen/admission';
import { Places } from './places';

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

function places(change: object = {}) {
  return new Places({ maxSpeaking: 1, maxWaiting: 4, maxWaitMs: 60_000, ...change }, () => 0);
}

const asks = (band: Band = 'normal', tenant = 'a') => ({ band, tenant });

test('as many as may speak do; others by priority, each when one leaves', async () => {
  const room = places({ maxSpeaking: 2 });
  const leaves = [await room.take(asks(), never), await room.take(asks(), never)];
  const order: string[] = [];
  for (const band of ['batch', 'normal', 'interactive'] as const)
    void room.take(asks(band, band), never).then((leave) => {
      order.push(band);
      leaves.push(leave);
    });
  expect([room.speaking, room.waiting]).toEqual([2, 3]);
  for (let at = 0; at < 3; at++) {
    leaves[at]?.();
    // Twice is once.
    leaves[at]?.();
    await settled();
    expect(order).toEqual(['interactive', 'normal', 'batch'].slice(0, at + 1));
    expect(room.speaking).toBe(2);
  }
  for (const leave of leaves) leave();
  expect([room.speaking, room.waiting]).toEqual([0, 0]);
});

test('more than may wait are refused by the limit, a tenant before it takes all', async () => {
  const room = places();
  const leave = await room.take(asks(), never);
  const waiting = [0, 1].map(() => room.take(asks(), never));
  await expect(room.take(asks(), never)).rejects.toMatchObject({
    failure: 'full',
    message: 'max_waiting: 1 speak and 2 wait, which is all that this tenant may have',
  });
  waiting.push(room.take(asks('normal', 'b'), never), room.take(asks('normal', 'c'), never));
  await expect(room.take(asks('normal', 'd'), never)).rejects.toMatchObject({
    message: 'max_waiting: 1 speak and 4 wait, which is all that normal priority may have',
  });
  // Another priority has its own.
  waiting.push(room.take(asks('batch', 'a'), never));
  leave();
  // Each leaves when it is there, in whatever order.
  await Promise.all(waiting.map(async (one) => (await one)()));
  expect([room.speaking, room.waiting]).toEqual([0, 0]);
  await expect(places({ maxSpeaking: 0, maxWaiting: 0 }).take(asks(), never)).rejects.toMatchObject({
    failure: 'full',
  });
});

test('waits for so long at most', async () => {
  const room = places({ maxWaitMs: 20 });
  await room.take(asks(), never);
  await expect(room.take(asks(), never)).rejects.toMatchObject({
    failure: 'waited',
    message: 'max_speaking: 1 speak and none ended within 20 ms',
  });
  expect(room.waiting).toBe(0);
});

test('who leaves or is refused at the end waits no more, and takes no place', async () => {
  const room = places();
  const leave = await room.take(asks(), never);
  const abort = new AbortController();
  const gone = room.take(asks(), abort.signal);
  const stays = room.take(asks('normal', 'b'), never);
  abort.abort(new Error('gone'));
  await expect(gone).rejects.toThrow('gone');
  expect(room.waiting).toBe(1);
  room.close();
  await expect(stays).rejects.toMatchObject({ failure: 'draining' });
  await expect(room.take(asks(), never)).rejects.toMatchObject({ failure: 'draining' });
  leave();
  expect([room.speaking, room.waiting]).toEqual([0, 0]);
});
