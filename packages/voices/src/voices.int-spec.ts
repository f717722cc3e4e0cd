import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SpeechEngine, SpeechError, type SpeechOptions, type SpokenClause } from '@zen/speech';
import { openVoices } from './open-voices';
import { voiceHome } from './testing/voice-home';
import { VoicePool } from './worker/voice-pool';

// Fetches the voices at first use; no test here is about time.
jest.setTimeout(600_000);

const TEXT = 'Well, this is it, my friend. It costs $3.50!\n\n`x = 1` 😀';
const never = () => new AbortController().signal;

describe('openVoices', () => {
  let home: string;
  let engine: SpeechEngine;
  beforeAll(async () => {
    home = await voiceHome('heart', 'joe');
    engine = await openVoices({ home });
  });
  afterAll(() => engine.close());

  const options = (change: Partial<SpeechOptions> = {}): SpeechOptions => ({
    voice: 'heart',
    speed: 1,
    quality: 'full',
    seed: 1n,
    ...change,
  });

  async function said(text: string, change: Partial<SpeechOptions> = {}): Promise<SpokenClause[]> {
    const session = engine.open(options(change));
    session.push(text);
    session.end();
    const parts: SpokenClause[] = [];
    for await (const part of session.clauses(never())) parts.push(part);
    return parts;
  }
  const sound = (parts: SpokenClause[]) => parts.flatMap(({ samples }) => [...samples]);

  it.each(['heart', 'joe'])('says all of the text with %s, clause by clause', async (voice) => {
    const parts = await said(TEXT, { voice });
    let at = 0;
    for (const { textStart, textEnd, isLast } of parts) {
      expect(textStart).toBe(at);
      if (isLast) at = textEnd;
    }
    expect(at).toBe(TEXT.length);
    const clauses = parts
      .filter(({ isLast }) => isLast)
      .map((part) => TEXT.slice(part.textStart, part.textEnd));
    expect(clauses).toEqual(['Well, this is it, ', 'my friend. ', 'It costs $3.50!\n\n', '`x = 1` 😀']);
    const samples = sound(parts);
    const rate = engine.voices.find(({ name }) => name === voice)!.sampleRate;
    expect(samples.length / rate).toBeGreaterThan(3);
    expect(samples.length / rate).toBeLessThan(15);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    expect(peak).toBeGreaterThan(0.1);
    expect(peak).toBeLessThanOrEqual(1);
    expect(parts.some(({ computeUs }) => computeUs > 0)).toBe(true);
  });

  it('joins clauses without a click', async () => {
    const parts = await said('One thing, two things, three things. Four things, I say.');
    const ends = parts.filter(({ isLast, samples }) => isLast && samples.length > 0);
    expect(ends.length).toBeGreaterThan(1);
    for (const { samples } of ends) expect(Math.abs(samples.at(-1)!)).toBeLessThan(0.002);
    const starts = parts.filter((_part, at) => at === 0 || parts[at - 1]!.isLast);
    for (const { samples } of starts) expect(Math.abs(samples[0]!)).toBeLessThan(0.002);
  });

  it.each(['heart', 'joe'])('%s says the same with the same seed, and not with another', async (voice) => {
    const [one, again, other] = [
      sound(await said('The same thing.', { voice })),
      sound(await said('The same thing.', { voice })),
      sound(await said('The same thing.', { voice, seed: 2n })),
    ];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it.each(['heart', 'joe'])('%s is slower and faster', async (voice) => {
    const [slow, fast] = [
      sound(await said('A few words here.', { voice, speed: 0.5 })),
      sound(await said('A few words here.', { voice, speed: 2 })),
    ];
    expect(slow.length / fast.length).toBeGreaterThan(2.5);
  });

  it('begins before the text has ended', async () => {
    const session = engine.open(options());
    const clauses = session.clauses(never())[Symbol.asyncIterator]();
    const first = clauses.next();
    session.push('This is the first clause, and ');
    expect((await first).value).toMatchObject({ textStart: 0, textEnd: 26 });
    session.push('this is the rest');
    session.flush();
    session.end();
    let end = 0;
    for (let part = await clauses.next(); !part.done; part = await clauses.next()) end = part.value.textEnd;
    expect(end).toBe(46);
  });

  it('ends at once where nothing was said', async () => {
    expect(await said('')).toEqual([]);
    const blank = await said(' \n ');
    expect(blank).toMatchObject([{ textStart: 0, textEnd: 3, isLast: true }]);
    expect(blank[0]!.samples).toHaveLength(0);
    expect(sound(await said('🍕 ??? ***'))).toHaveLength(0);
  });

  it('stops when it is cancelled: while it waits for text, for a thread, and within a clause', async () => {
    for (const text of ['', 'A clause that is said, and one that is not said any more. ']) {
      const stop = new AbortController();
      const session = engine.open(options({ voice: 'joe' }));
      session.push(text.repeat(20));
      const clauses = session.clauses(stop.signal)[Symbol.asyncIterator]();
      if (text) await clauses.next();
      const next = clauses.next();
      setImmediate(() => stop.abort(new Error('enough')));
      const rest = (async () => {
        for (let part = await next; !part.done; part = await clauses.next());
      })();
      await expect(rest).rejects.toMatchObject({ failure: 'cancelled' });
    }
    const stopped = AbortSignal.abort();
    await expect(
      engine.open(options()).clauses(stopped)[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({
      failure: 'cancelled',
    });
    // The thread is free again.
    expect(sound(await said('Free.')).length).toBeGreaterThan(0);
  });

  it('serves several at the same time', async () => {
    const all = await Promise.all(
      Array.from({ length: 6 }, () => said('All at the same time, in turn. Yes.')),
    );
    for (const parts of all) expect(sound(parts)).toEqual(sound(all[0]!));
  });

  it('says very long words and numbers', async () => {
    const parts = await said(`${'9'.repeat(250)} ${'abcdefgh'.repeat(60)}`, { quality: 'reduced' });
    expect(sound(parts).length).toBeGreaterThan(24_000 * 20);
  });

  it.each<[string, Partial<SpeechOptions>, string]>([
    ['a voice', { voice: 'nobody' }, 'unknown-voice'],
    ['a speed', { speed: 0.2 }, 'bad-option'],
    ['no speed', { speed: Number.NaN }, 'bad-option'],
  ])('refuses %s by name', (_name, change, failure) => {
    expect(() => engine.open(options(change))).toThrow(expect.objectContaining({ failure }));
  });

  it('refuses ids, text after the end, and a second reader', async () => {
    const session = engine.open(options());
    expect(() => session.push(new Uint32Array(1))).toThrow(SpeechError);
    session.end();
    expect(() => session.push('more')).toThrow(/after the end/);
    for await (const _part of session.clauses(never()));
    await expect(async () => {
      for await (const _part of session.clauses(never()));
    }).rejects.toThrow(/read once/);
  });
});

describe('VoicePool', () => {
  let home: string;
  beforeAll(async () => {
    home = await voiceHome('heart');
  });
  const request = (text: string) => ({
    voice: 'heart',
    text,
    isCode: false,
    speed: 1,
    quality: 'full' as const,
    seed: 1n,
  });
  const count = async (parts: AsyncIterable<unknown>) => {
    let all = 0;
    for await (const _part of parts) all += 1;
    return all;
  };

  /** To be called at once, so that no error is without somebody who waits for it. */
  const fails = (parts: AsyncIterable<unknown>, failure: string) =>
    expect(count(parts)).rejects.toMatchObject({ failure });

  it('names a voice that is not there, and what it misses', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'zen-voices-'));
    await expect(openVoices({ home: empty })).rejects.toMatchObject({
      failure: 'bad-model',
      message: expect.stringContaining('lexicon_us_gold.json.gz'),
    });
    await expect(openVoices({ home, voices: ['nobody'] })).rejects.toMatchObject({
      failure: 'unknown-voice',
    });
    await expect(openVoices({ home, threads: 0 })).rejects.toMatchObject({ failure: 'bad-option' });
    rmSync(empty, { recursive: true });
  });

  it('says first what is needed first, and what is needed at once in order', async () => {
    const pool = await VoicePool.open({ home, voices: ['heart'] }, 1, 16);
    try {
      const order: string[] = [];
      const says = async (text: string, dueMs: number) => {
        await count(pool.say(request(text), dueMs, never()));
        order.push(text);
      };
      await Promise.all([
        says('At work.', 900),
        ...[30, 10, 20, 10, 5].map((due, at) => says(`${due} ${at}.`, due)),
      ]);
      expect(order).toEqual(['At work.', '5 4.', '10 1.', '10 3.', '20 2.', '30 0.']);
    } finally {
      await pool.close();
    }
  });

  it('lets only so many wait, replaces a thread that breaks down, and stops when it is closed', async () => {
    const pool = await VoicePool.open({ home, voices: ['heart'] }, 1, 1);
    try {
      // The one at work, the one that may wait, and one too many.
      const working = count(pool.say(request('One two three four five.'), 0, never()));
      const waiting = count(pool.say(request('Six.'), 0, never()));
      await fails(pool.say(request('Seven.'), 0, never()), 'busy');
      await Promise.all([working, waiting]);

      const broken = fails(pool.say(request('This is never said. '.repeat(10)), 0, never()), 'broken');
      const [thread] = (pool as unknown as { threads: { worker: { terminate(): Promise<number> } }[] })
        .threads;
      const after = count(pool.say(request('This is said.'), 0, never()));
      await thread!.worker.terminate();
      await broken;
      expect(await after).toBeGreaterThan(0);

      const last = fails(pool.say(request('Never. '.repeat(40)), 0, never()), 'closed');
      await pool.close();
      await last;
      await fails(pool.say(request('No.'), 0, never()), 'closed');
    } finally {
      await pool.close();
    }
  });
});
