import { getEventListeners } from 'node:events';
import { pause } from './pause';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** Whether it has ended by now. */
async function ended(waiting: Promise<void>): Promise<boolean> {
  return Promise.race([waiting.then(() => true), Promise.resolve().then(() => Promise.resolve(false))]);
}

test('waits as long as it is told, with a signal or without', async () => {
  const { signal } = new AbortController();
  for (const by of [signal, undefined]) {
    const waiting = pause(1000, by);
    jest.advanceTimersByTime(999);
    expect(await ended(waiting)).toBe(false);
    jest.advanceTimersByTime(1);
    await waiting;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  }
});

test.each([1000, Number.POSITIVE_INFINITY])(
  '%d ms end early with the signal, and leave no timer',
  async (ms) => {
    const stop = new AbortController();
    const waiting = pause(ms, stop.signal);
    jest.advanceTimersByTime(900);
    expect(await ended(waiting)).toBe(false);
    stop.abort();
    await waiting;
    expect(jest.getTimerCount()).toBe(0);
  },
);

test('with a signal that is aborted already it does not wait', async () => {
  await pause(1000, AbortSignal.abort());
  expect(jest.getTimerCount()).toBe(0);
});
