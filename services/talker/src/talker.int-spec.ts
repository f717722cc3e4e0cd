import { Priority, VoiceQuality } from '@zen/contracts';
import { healthClient, PacedVoice } from '@zen/testing';
import { expectTiled, TestTalker } from './talker.fixture';

jest.setTimeout(60_000);

const TEXT =
  'The kettle sings, the lamp is lit. Outside: rain! Nobody goes anywhere tonight, and why should they?';
/** 156 s in 100 clauses. */
const CLAUSES = 100;
const LONG = 'It goes on and on and on, '.repeat(CLAUSES);

describe('a talker', () => {
  const paced = new PacedVoice({ msPerCharacter: 60 });
  const other = new PacedVoice({ name: 'other', sampleRate: 22_050, partsPerClause: 3 });
  const slow = new PacedVoice({ name: 'slow', realTimeFactor: 0.2 });
  const ids = new PacedVoice({ name: 'ids', takesTokenIds: true });
  let talker: TestTalker;
  beforeAll(async () => {
    talker = await TestTalker.start([paced, other, slow, ids], { ZEN_TALKER_MAX_SPEAKING: '8' });
  });
  afterAll(() => talker.stop());

  test('says what it can do, and that it serves', async () => {
    expect(await talker.client.describeTalker({})).toMatchObject({
      voices: [
        { name: 'paced', language: 'en', sampleRate: 24_000, takesTokenIds: false },
        { name: 'other', sampleRate: 22_050 },
        { name: 'slow' },
        { name: 'ids', takesTokenIds: true },
      ],
      defaultVoice: 'paced',
      maxSpeaking: 8,
      speaking: 0,
      waiting: 0,
      draining: false,
    });
    const health = healthClient(talker.talker.address);
    expect(await health.status('zen.v1.TalkerService')).toBe('SERVING');
    health.close();
  });

  test('speaks a text in pieces cut anywhere: clauses and frames tile it, each character once', async () => {
    const call = talker.speak({ requestId: 'r-1' });
    for (let at = 0; at < TEXT.length; at += 3) call.say(TEXT.slice(at, at + 3));
    call.end();
    expect(await call.over).toBeNull();
    expectTiled(call);
    expect(call.started).toMatchObject({
      voice: 'paced',
      sampleRate: 24_000,
      quality: VoiceQuality.VOICE_QUALITY_FULL,
    });
    expect(call.clauses.map(({ textStart, textEnd }) => TEXT.slice(textStart, textEnd))).toEqual([
      'The kettle sings, ',
      'the lamp is lit. ',
      'Outside: ',
      'rain! ',
      'Nobody goes anywhere tonight, ',
      'and why should they?',
    ]);
    const { samplesPerCharacter } = paced;
    const said = [...call.samples].filter((_, at) => at % samplesPerCharacter === 0);
    expect(said).toEqual(Array.from(TEXT, (_, at) => at + 1));
    expect(call.samples).toHaveLength(TEXT.length * samplesPerCharacter);
  });

  test('a clause leaves while the text goes on, and a flush says what is there', async () => {
    const call = talker.speak().say('First, then nothing for a while');
    // Started, clause, and 7 characters of 60 ms in frames of 80.
    await call.until(8);
    expect(call.clauses.map(({ textEnd }) => textEnd)).toEqual([7]);
    call.send({ $case: 'flush', value: {} });
    while (call.clauses.length < 2) await call.until(call.heard.length + 1);
    expect(call.clauses[1]).toMatchObject({ textStart: 7, textEnd: 31 });
    call.say(' but more.').end();
    expect(await call.over).toBeNull();
    expectTiled(call);
    expect(call.finished?.textLength).toBe(41);
  });

  test('a clause in parts, another rate, speed, quality and seed', async () => {
    const call = talker.speak({
      voice: 'other',
      speed: 2,
      quality: VoiceQuality.VOICE_QUALITY_REDUCED,
      seed: 12n,
    });
    call.say(TEXT).end();
    expect(await call.over).toBeNull();
    expectTiled(call);
    expect(call.started).toMatchObject({
      voice: 'other',
      sampleRate: 22_050,
      quality: VoiceQuality.VOICE_QUALITY_REDUCED,
      seed: 12n,
    });
    // Parts end at words.
    expect(
      call.clauses.slice(-3).map(({ textEnd, clauseEnd }) => [TEXT.slice(80, textEnd), clauseEnd]),
    ).toEqual([
      ['and', 100],
      ['and why', 100],
      ['and why should they?', 100],
    ]);
    expect(call.samples).toHaveLength(TEXT.length * Math.round(other.samplesPerCharacter / 2));
  });

  test('token ids for a voice that takes those; nothing is said of an empty text', async () => {
    const call = talker.speak({ voice: 'ids' });
    for (const some of [[5, 6], [7]]) call.send({ $case: 'tokens', value: { ids: some } });
    call.end();
    expect(await call.over).toBeNull();
    expectTiled(call);
    expect(call.finished?.textLength).toBe(3);
    const empty = talker.speak().end();
    expect(await empty.over).toBeNull();
    expect(empty.heard.map(({ event }) => event?.$case)).toEqual(['started', 'finished']);
  });

  test('what is wrong is refused by its name and limit', async () => {
    const refused = async (call: ReturnType<TestTalker['speak']>, code: string, message: string) => {
      call.end();
      expect(await call.over).toMatchObject({ code, message });
    };
    const INVALID = 'INVALID_ARGUMENT';
    await refused(talker.speak(null), INVALID, 'start: must be the first message');
    await refused(talker.speak(null).say('x'), INVALID, 'start: must be the first message');
    await refused(talker.speak({ speed: 5 }), INVALID, 'speed: 5 is not within 0.25 to 4');
    await refused(
      talker.speak({ voice: 'Paced' }),
      INVALID,
      'voice: must be at most 64 of lower-case letters, digits and "-"',
    );
    await refused(
      talker.speak({ voice: 'nobody' }),
      'NOT_FOUND',
      'voice: nobody is not known, paced, other, slow, ids are',
    );
    await refused(talker.speak().say('x'.repeat(65_537)), INVALID, 'text: 65537 bytes, limit 65536');
    await refused(talker.speak({ voice: 'ids' }).say('x'), INVALID, 'text: ids takes token ids');
    await refused(talker.speak().send(undefined), INVALID, 'message: none is set');
    const long = talker.speak();
    for (let at = 0; at < 17; at++) long.say('y'.repeat(65_000));
    await refused(long, INVALID, 'text: more than 1048576 bytes in all');
    for (const intervalMs of [49, 60_001]) {
      await expect(
        talker.client.watchTalker({ intervalMs })[Symbol.asyncIterator]().next(),
      ).rejects.toMatchObject({
        code: INVALID,
        message: `interval_ms: ${intervalMs} is not within 50 to 60000`,
      });
    }
  });

  test('a client that does not read makes the voice wait, and gets everything in the end', async () => {
    const call = talker.speak();
    call.stream.pause();
    const before = { paced: paced.begun, other: other.begun };
    call.say(LONG).end();
    // Somebody else has as much meanwhile.
    const rival = talker.speak({ voice: 'other' }).say(LONG).end();
    expect(await rival.over).toBeNull();
    expect(other.begun - before.other).toBe(CLAUSES);
    // 5 s are made ahead, and the wire holds some more.
    expect(paced.begun - before.paced).toBeLessThan(CLAUSES / 2);
    expect(call.heard).toEqual([]);
    call.stream.resume();
    expect(await call.over).toBeNull();
    expectTiled(call);
    expect(paced.begun - before.paced).toBe(CLAUSES);
  });

  test('a cancelled call is over at once: nothing is made or sent after it', async () => {
    const call = talker.speak({ voice: 'slow' }).say(LONG);
    while (call.frames.length < 3) await call.until(call.heard.length + 1);
    call.stream.cancel();
    await talker.until(({ speaking }) => speaking === 0);
    const { begun } = slow;
    // A whole text of somebody else's later.
    const rival = talker.speak({ voice: 'other' }).say(TEXT).end();
    expect(await rival.over).toBeNull();
    expect(slow.begun).toBe(begun);
    expect(await talker.metrics()).toMatch(/zen_talker_calls_total\{outcome="cancelled"\} [1-9]/);
  });

  test('metrics tell times, work and outcomes; the log tells no text', async () => {
    const text = await talker.metrics();
    expect(text).toMatch(/zen_talker_calls_total\{outcome="ok"\} [1-9]/);
    expect(text).toMatch(/zen_talker_calls_total\{outcome="refused"\} [1-9]/);
    expect(text).toMatch(/zen_talker_first_audio_seconds_count\{voice="paced"\} [1-9]/);
    expect(text).toMatch(/zen_talker_clause_seconds_count\{voice="other"\} [1-9]/);
    expect(text).toMatch(/zen_talker_real_time_factor_count\{voice="slow"\} [1-9]/);
    expect(text).toMatch(/zen_talker_lead_seconds_count\{voice="paced"\} [1-9]/);
    expect(text).toMatch(/zen_talker_underrun_seconds_total\{cause="voice"\} \d/);
    expect(text).toMatch(/zen_talker_audio_seconds_total\{voice="paced"\} [1-9]/);
    expect(text).toMatch(/zen_talker_speaking 0\n/);
    expect(text).toMatch(/zen_talker_waiting 0\n/);
    expect(text).toMatch(/zen_talker_rpcs_total\{method="zen.v1.TalkerService\/Speak",code="OK"\} [1-9]/);
    const { realTimeFactor } = await talker.client.describeTalker({});
    expect(realTimeFactor).toBeGreaterThan(0);
    const logs = talker.logs.join('');
    expect(logs).toContain('"requestId":"r-1"');
    for (const word of ['kettle', 'tonight', 'on and on', 'yyy']) expect(logs).not.toContain(word);
  });
});

describe('a talker with few places', () => {
  const paced = new PacedVoice();
  let talker: TestTalker;
  beforeEach(async () => {
    talker = await TestTalker.start([paced], {
      ZEN_TALKER_MAX_SPEAKING: '1',
      ZEN_TALKER_MAX_WAITING: '2',
      ZEN_SETTLE: '200ms',
      ZEN_GRACE: '1s',
    });
  });

  test('others wait by priority; more than may wait are refused by the limit', async () => {
    const first = talker.speak().say('One, two');
    await first.until(1);
    const started: string[] = [];
    const waiting = (['BATCH', 'NORMAL', 'INTERACTIVE'] as const).map((band, at) => {
      const call = talker.speak({ priority: Priority[`PRIORITY_${band}`], tenant: band });
      void call.until(1).then(() => started.push(band));
      return { call, ready: talker.until(({ waiting: now }) => now > at) };
    });
    for (const { ready } of waiting) await ready;
    expect(await talker.speak({ tenant: 'NORMAL' }).over).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringMatching(/^max_waiting: 1 speak and /),
      metadata: expect.objectContaining({ 'x-zen-failure': 'full' }),
    });
    first.end();
    for (const { call } of [...waiting].reverse()) {
      await call.until(1);
      call.say('So.').end();
      expect(await call.over).toBeNull();
    }
    expect(started).toEqual(['INTERACTIVE', 'NORMAL', 'BATCH']);
    await talker.stop();
  });

  test('stops: what is being said is finished, who waits or comes is sent elsewhere', async () => {
    const health = healthClient(talker.talker.address);
    const first = talker.speak().say('One, two');
    await first.until(1);
    const second = talker.speak({ tenant: 'b' });
    await talker.until(({ waiting }) => waiting === 1);
    const watch = talker.client.watchTalker({})[Symbol.asyncIterator]();
    await watch.next();
    const stopped = talker.stop();
    expect(await watch.next()).toMatchObject({ value: { talker: { draining: true } } });
    expect(await second.over).toMatchObject({
      code: 'UNAVAILABLE',
      metadata: expect.objectContaining({ 'x-zen-failure': 'draining' }),
    });
    expect(await talker.speak({ tenant: 'c' }).over).toMatchObject({ code: 'UNAVAILABLE' });
    first.say(', three.').end();
    expect(await first.over).toBeNull();
    expectTiled(first);
    health.close();
    await stopped;
    expect(paced.closed).toBe(true);
  });

  test('what is not finished within the grace ends with its reason', async () => {
    const endless = talker.speak().say('One, two');
    await endless.until(1);
    const stopped = talker.stop();
    expect(await endless.over).toMatchObject({
      code: 'UNAVAILABLE',
      metadata: expect.objectContaining({ 'x-zen-failure': 'draining' }),
    });
    await stopped;
  });
});

test('a call in which nothing moves gives its place away, whoever is waited for', async () => {
  const talker = await TestTalker.start([new PacedVoice()], { ZEN_STALL_TIMEOUT: '300ms' });
  const silent = talker.speak(null);
  const textless = talker.speak().say('One, two');
  const deaf = talker.speak();
  deaf.stream.pause();
  deaf.say(LONG).end();
  for (const call of [silent, textless]) {
    expect(await call.over).toMatchObject({ code: 'ABORTED', message: 'nothing moved for 300 ms' });
  }
  await talker.until(({ speaking }) => speaking === 0);
  deaf.stream.resume();
  expect(await deaf.over).toMatchObject({ code: 'ABORTED' });
  expect(deaf.finished).toBeUndefined();
  expect(await talker.metrics()).toMatch(/zen_talker_calls_total\{outcome="stalled"\} 3/);
  await talker.stop();
});
