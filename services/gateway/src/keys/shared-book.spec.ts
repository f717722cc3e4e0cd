import { LocalBook, type Take, type Verdict } from '@zen/admission';
import { SharedBook } from './shared-book';

/** A common book in this process that can be gone. */
class Common extends LocalBook {
  gone = false;
  asked = 0;
  gateways = 1;
  renewed: [string, ReadonlySet<string>][] = [];

  override async take(take: Take): Promise<Verdict> {
    this.asked++;
    this.check();
    return super.take(take);
  }

  override async settle(take: Take, moreTokens: number): Promise<void> {
    this.check();
    return super.settle(take, moreTokens);
  }

  async renew(leases: Iterable<[string, ReadonlySet<string>]>): Promise<number> {
    this.check();
    this.renewed = [...leases];
    return this.gateways;
  }

  private check(): void {
    if (this.gone) throw new Error('gone');
  }
}

describe('SharedBook', () => {
  let nowMs: number;
  let common: Common;
  let changes: string[];
  let alone: number;
  let leases: number;
  beforeEach(() => {
    nowMs = 0;
    leases = 0;
    alone = 0;
    changes = [];
    common = new Common(() => nowMs);
  });

  const open = () =>
    new SharedBook({
      common,
      now: () => nowMs,
      onChange: (shared, why) => changes.push(shared ? 'shared' : `alone: ${why}`),
      onAlone: () => alone++,
      onShared: () => {},
      onGateways: () => {},
    });
  const takeOf = (changes: Partial<Take['limits']> = {}, tokens = 1): Take => ({
    key: 'k',
    limits: { requestsPerMinute: null, tokensPerMinute: null, streams: null, ...changes },
    tokens,
    lease: `lease ${leases++}`,
  });
  async function letIn(book: SharedBook, limits: Partial<Take['limits']>, tries: number): Promise<number> {
    let count = 0;
    for (let i = 0; i < tries; i++) if (!(await book.take(takeOf(limits))).denied) count++;
    return count;
  }

  test('an unlimited key asks nobody', async () => {
    const book = open();
    expect((await book.take(takeOf())).denied).toBeNull();
    await book.settle(takeOf(), 5);
    expect(common.asked).toBe(0);
  });

  test('gone: each gateway keeps its part, none opens wide and none is shut', async () => {
    common.gateways = 4;
    const books = [open(), open(), open(), open()];
    for (const book of books) await book.beat();
    common.gone = true;
    const requests = { requestsPerMinute: 40 };
    const counts = await Promise.all(books.map((book) => letIn(book, requests, 100)));
    expect(counts).toEqual([10, 10, 10, 10]);
    nowMs += 30_000;
    expect(await letIn(books[0] as SharedBook, requests, 100)).toBe(5);
    expect(await letIn(books[0] as SharedBook, { streams: 8 }, 100)).toBe(2);
  });

  test('gone: fewer places than gateways still leave one for each', async () => {
    common.gateways = 4;
    const book = open();
    await book.beat();
    common.gone = true;
    expect(await letIn(book, { streams: 2 }, 5)).toBe(1);
    nowMs += 60_000;
    expect(await letIn(book, { requestsPerMinute: 2 }, 5)).toBe(1);
  });

  test('gone: the part begins with what was left, not with a full budget', async () => {
    common.gateways = 2;
    const book = open();
    await book.beat();
    expect(await letIn(book, { requestsPerMinute: 40 }, 30)).toBe(30);
    common.gone = true;
    expect(await letIn(book, { requestsPerMinute: 40 }, 100)).toBe(5);
  });

  test('gone: answers that the common book let in still take places', async () => {
    const book = open();
    const first = takeOf({ streams: 2 });
    await book.take(first);
    await book.take(takeOf({ streams: 2 }));
    common.gone = true;
    expect((await book.take(takeOf({ streams: 2 }))).denied).toMatchObject({ what: 'streams' });
    await book.settle(first, 0);
    expect((await book.take(takeOf({ streams: 2 }))).denied).toBeNull();
  });

  test('after three failures it is asked now and then only, and it is said', async () => {
    const book = open();
    common.gone = true;
    await letIn(book, { requestsPerMinute: 1e6 }, 100);
    expect(common.asked).toBe(3);
    expect(alone).toBe(100);
    expect(changes).toEqual(['alone: gone']);
    nowMs += 500;
    await letIn(book, { requestsPerMinute: 1e6 }, 100);
    expect(common.asked).toBe(4);
  });

  test('back: it is asked again by itself, and what was used meanwhile is charged once', async () => {
    const book = open();
    const limits = { requestsPerMinute: 60, tokensPerMinute: 6000 };
    common.gone = true;
    expect(await letIn(book, limits, 20)).toBe(20);
    common.gone = false;
    nowMs += 5000;
    const { requests } = await book.take(takeOf(limits));
    // 20 used, 5 come back in 5 s, and this one.
    expect(requests?.level).toBeCloseTo(44);
    expect((await book.take(takeOf(limits))).requests?.level).toBeCloseTo(43);
    expect(changes).toEqual(['alone: gone', 'shared']);
  });

  test('a long absence is not paid for longer than a minute', async () => {
    const book = open();
    common.gone = true;
    for (let minute = 0; minute < 30; minute++) {
      await letIn(book, { requestsPerMinute: 60 }, 60);
      nowMs += 60_000;
    }
    common.gone = false;
    expect((await book.take(takeOf({ requestsPerMinute: 60 }))).requests?.level).toBeCloseTo(59);
  });

  test('what an answer cost while nobody could be told is charged later', async () => {
    const book = open();
    const limits = { tokensPerMinute: 1000 };
    const long = takeOf(limits, 10);
    await book.take(long);
    common.gone = true;
    await book.settle(long, 500);
    common.gone = false;
    expect((await book.take(takeOf(limits, 0))).tokens?.level).toBeCloseTo(490);
  });

  test('a place that was taken by an answer that came too late is given back', async () => {
    const book = open();
    const late = takeOf({ streams: 1 });
    await common.take(late);
    common.gone = true;
    await book.take(late);
    await book.settle(late, 0);
    common.gone = false;
    await book.beat();
    expect((await book.take(takeOf({ streams: 1 }))).denied).toBeNull();
  });

  test('places are renewed until their answers end', async () => {
    const book = open();
    const one = takeOf({ streams: 5 });
    await book.take(one);
    await book.take(takeOf({ requestsPerMinute: 5 }));
    await book.beat();
    expect(common.renewed).toEqual([['k', new Set([one.lease])]]);
    await book.settle(one, 0);
    await book.beat();
    expect(common.renewed).toEqual([]);
  });
});
