import { ProgressHub, type ProgressListener } from './progress-hub';

const OPTIONS = { everyMs: 100, repeatMs: 1000, maxListeners: 2 };

/** Keeps what it is told; `drain` is set while it takes nothing. */
class Listener implements ProgressListener {
  readonly got: string[] = [];
  ended = false;
  slow = false;
  drain: () => void = () => {};

  send(report: string): Promise<void> | undefined {
    this.got.push(report);
    if (!this.slow) return undefined;
    return new Promise((resolve) => {
      this.drain = resolve;
    });
  }

  end(): void {
    this.ended = true;
  }
}

describe('progress to many', () => {
  let report: string;
  let made: number;
  let hub: ProgressHub;
  beforeEach(() => {
    jest.useFakeTimers();
    report = 'a';
    made = 0;
    hub = new ProgressHub(
      () => {
        made++;
        return report;
      },
      () => Date.now(),
      OPTIONS,
    );
  });
  afterEach(() => {
    hub.close();
    jest.useRealTimers();
  });

  test('the newest at once, then changes only, one report for all', () => {
    const listeners = [new Listener(), new Listener()];
    for (const listener of listeners) hub.add(listener);
    jest.advanceTimersByTime(300);
    report = 'b';
    made = 0;
    jest.advanceTimersByTime(100);
    expect(made).toBe(1);
    for (const { got } of listeners) expect(got).toEqual(['a', 'b']);
  });

  test('the last again after a while, for the sake of proxies', () => {
    const listener = new Listener();
    hub.add(listener);
    jest.advanceTimersByTime(1200);
    expect(listener.got).toEqual(['a', 'a']);
  });

  test('a slow reader misses reports, not the newest', async () => {
    const listener = new Listener();
    listener.slow = true;
    hub.add(listener);
    for (report of ['b', 'c', 'd']) jest.advanceTimersByTime(100);
    expect(listener.got).toEqual(['a']);
    listener.drain();
    await Promise.resolve();
    jest.advanceTimersByTime(100);
    expect(listener.got).toEqual(['a', 'd']);
  });

  test('no more than its limit, and room again when one leaves', () => {
    const first = new Listener();
    hub.add(first);
    hub.add(new Listener());
    expect(() => hub.checkRoom()).toThrow('at most 2 callers');
    expect(() => hub.add(new Listener())).toThrow('at most 2 callers');
    hub.remove(first);
    hub.checkRoom();
  });

  test('makes no report while nobody listens', () => {
    const listener = new Listener();
    hub.add(listener);
    hub.remove(listener);
    made = 0;
    jest.advanceTimersByTime(5000);
    expect(made).toBe(0);
  });

  test('a shutdown ends all', () => {
    const listener = new Listener();
    hub.add(listener);
    hub.close();
    expect(listener.ended).toBe(true);
    expect(hub.listeners).toBe(0);
  });
});
