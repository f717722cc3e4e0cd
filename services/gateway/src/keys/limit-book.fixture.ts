import { randomUUID } from 'node:crypto';
import type { LimitBook, Limits, Take } from '@zen/admission';

export interface BookUnderTest {
  book: LimitBook;
  /** Lets time pass for it. */
  pass(ms: number): Promise<void>;
}

const NONE: Limits = { requestsPerMinute: null, tokensPerMinute: null, streams: null };

/** Slow enough that nothing comes back while a test runs on a slow machine. */
const SLOW = 6;
/** So quick that waiting for it is nothing. */
const QUICK = 300;

/** What every book does. Keys are new for each test. */
export function limitBookConformance(name: string, open: () => BookUnderTest): void {
  describe(`${name} keeps limits`, () => {
    let key: string;
    beforeEach(() => {
      key = randomUUID();
    });

    const takeOf = (limits: Partial<Limits>, changes: Partial<Take> = {}): Take => {
      return { key, limits: { ...NONE, ...limits }, tokens: 1, lease: randomUUID(), ...changes };
    };
    const take = (limits: Partial<Limits>, changes: Partial<Take> = {}) =>
      open().book.take(takeOf(limits, changes));

    test('none where none are set', async () => {
      for (let i = 0; i < 20; i++) {
        expect(await take({}, { tokens: 1e9 })).toEqual({ denied: null, requests: null, tokens: null });
      }
    });

    test('requests: a minute’s worth at once, then as they come back', async () => {
      for (let i = 0; i < SLOW; i++) {
        const { denied, requests } = await take({ requestsPerMinute: SLOW });
        expect(denied).toBeNull();
        expect(Math.floor(requests?.level ?? -1)).toBe(SLOW - 1 - i);
      }
      const { denied, requests } = await take({ requestsPerMinute: SLOW });
      expect(denied).toMatchObject({ what: 'requests' });
      expect(denied?.waitMs).toBeGreaterThan(0);
      expect(denied?.waitMs).toBeLessThanOrEqual(10_000);
      expect(requests?.level).toBeGreaterThanOrEqual(0);
      expect(requests?.level).toBeLessThan(1);
      expect(requests?.resetMs).toBeGreaterThan(0);
      expect(requests?.resetMs).toBeLessThanOrEqual(60_000);
    });

    test('who waits as long as told is let in', async () => {
      const { book, pass } = open();
      for (;;) {
        const one = takeOf({ requestsPerMinute: QUICK });
        const { denied } = await book.take(one);
        if (!denied) continue;
        await pass(denied.waitMs);
        expect((await book.take(one)).denied).toBeNull();
        return;
      }
    });

    test('idle time saves nothing up beyond a minute', async () => {
      const { book, pass } = open();
      await book.take(takeOf({ requestsPerMinute: QUICK }));
      await pass(1000);
      const { requests } = await book.take(takeOf({ requestsPerMinute: QUICK }));
      expect(requests?.level).toBe(QUICK - 1);
    });

    test('tokens: a denied request costs nothing', async () => {
      const limits = { tokensPerMinute: SLOW, requestsPerMinute: SLOW };
      expect((await take(limits, { tokens: 4 })).denied).toBeNull();
      const { denied, requests, tokens } = await take(limits, { tokens: 4 });
      expect(denied).toMatchObject({ what: 'tokens' });
      expect(Math.floor(requests?.level ?? -1)).toBe(SLOW - 1);
      expect(Math.floor(tokens?.level ?? -1)).toBe(2);
      expect((await take(limits, { tokens: 2 })).denied).toBeNull();
    });

    test('more tokens than a minute has can be had, once, with a full budget', async () => {
      const limits = { tokensPerMinute: SLOW };
      const { denied, tokens } = await take(limits, { tokens: 3 * SLOW });
      expect(denied).toBeNull();
      expect(tokens?.level).toBeLessThan(-SLOW);
      const next = await take(limits);
      expect(next.denied).toMatchObject({ what: 'tokens' });
      // The debt is paid first.
      expect(next.denied?.waitMs).toBeGreaterThan(100_000);
    });

    test('what an answer really cost is charged at its end, or given back', async () => {
      const { book } = open();
      const limits = { tokensPerMinute: 100 };
      const one = takeOf(limits, { tokens: 10 });
      await book.take(one);
      await book.settle(one, 70);
      expect(Math.floor((await take(limits, { tokens: 5 })).tokens?.level ?? -1)).toBe(15);
      const other = takeOf(limits, { tokens: 15 });
      await book.take(other);
      await book.settle(other, -15);
      const { tokens } = await take(limits, { tokens: 0 });
      expect(tokens?.level).toBeGreaterThanOrEqual(15);
      expect(tokens?.level).toBeLessThan(100);
    });

    test('what is given back never makes a budget more than full', async () => {
      const { book } = open();
      const one = takeOf({ tokensPerMinute: SLOW });
      await book.take(one);
      await book.settle(one, -1000);
      expect((await take({ tokensPerMinute: SLOW }, { tokens: 0 })).tokens?.level).toBe(SLOW);
    });

    test('answers at once: places come back at the end', async () => {
      const { book } = open();
      const limits = { streams: 2 };
      const first = takeOf(limits);
      expect((await book.take(first)).denied).toBeNull();
      expect((await take(limits)).denied).toBeNull();
      const { denied } = await take(limits);
      expect(denied).toEqual({ what: 'streams', waitMs: 1000 });
      await book.settle(first, 0);
      expect((await take(limits)).denied).toBeNull();
      expect((await take(limits)).denied).toMatchObject({ what: 'streams' });
    });

    test('each key for itself', async () => {
      const limits = { requestsPerMinute: 1, tokensPerMinute: 1, streams: 1 };
      expect((await take(limits)).denied).toBeNull();
      expect((await take(limits)).denied).not.toBeNull();
      expect((await take(limits, { key: randomUUID() })).denied).toBeNull();
    });

    test('a limit that changes gives nobody more at once', async () => {
      for (let i = 0; i < SLOW; i++) await take({ requestsPerMinute: SLOW });
      const raised = await take({ requestsPerMinute: 10 * SLOW });
      expect(raised.denied).toMatchObject({ what: 'requests' });
      const lowered = await take({ requestsPerMinute: 1 });
      expect(lowered.denied).toMatchObject({ what: 'requests' });
    });

    test('what was used elsewhere is charged first', async () => {
      const limits = { requestsPerMinute: SLOW, tokensPerMinute: 100 };
      const { denied, requests, tokens } = await take(limits, { owed: { requests: 2, tokens: 50 } });
      expect(denied).toBeNull();
      expect(Math.floor(requests?.level ?? -1)).toBe(SLOW - 3);
      expect(Math.floor(tokens?.level ?? -1)).toBe(49);
      const over = await take(limits, { owed: { requests: 100, tokens: 0 } });
      expect(over.denied).toMatchObject({ what: 'requests' });
      expect(over.requests?.level).toBeLessThan(-90);
    });

    test('many at once: exactly as many as there is room for', async () => {
      const verdicts = await Promise.all(
        [...Array(200).keys()].map(() => take({ requestsPerMinute: 50, streams: 20 })),
      );
      expect(verdicts.filter(({ denied }) => denied === null)).toHaveLength(20);
    });
  });
}
