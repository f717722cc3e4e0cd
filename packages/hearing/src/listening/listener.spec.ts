import { HearingError } from '../hearing-error';
import type { Transcriber, Urgency } from '../transcriber';
import type { SileroStream } from '../turns/silero';
import { STEP } from '../turns/steps';
import type { WindowRequest, WindowTranscript } from '../whisper/transcript';
import type { Heard, HeardTranscript } from './heard';
import type { ListenSettings } from './listen-settings';
import { Listener } from './listener';

const SETTINGS: ListenSettings = {
  language: 'en',
  prompt: '',
  turns: { threshold: 0.5, prefixPaddingMs: 96, silenceMs: 320, eagerness: null },
  partials: false,
  wordTimes: false,
  segmentTimes: false,
  translate: false,
  temperature: 0,
};

/** Samples of 0 are silence; each step of any other number is a word, that number. */
const step = (word: number) => new Float32Array(STEP).fill(word);
const audio = (...words: number[]) => {
  const all = new Float32Array(words.length * STEP);
  for (const [i, word] of words.entries()) all.set(step(word), i * STEP);
  return all;
};
const silence = (steps: number) => new Array<number>(steps).fill(0);

/** Understands those samples; answers when it is told to, or at once. */
class FakeTranscriber implements Transcriber {
  readonly name = 'fake';
  readonly languages = new Set(['en']);
  readonly asked: { request: WindowRequest; urgency: Urgency; signal: AbortSignal; answer(): void }[] = [];
  held = false;

  async transcribe(request: WindowRequest, urgency: Urgency, signal: AbortSignal): Promise<WindowTranscript> {
    const words: number[] = [];
    for (let at = 0; at < request.samples.length; at += STEP)
      if (request.samples[at]) words.push(request.samples[at]!);
    await new Promise<void>((resolve, reject) => {
      this.asked.push({ request, urgency, signal, answer: resolve });
      signal.addEventListener('abort', () => reject(new HearingError('cancelled', 'cancelled')));
      if (!this.held) resolve();
    });
    let characters = 0;
    return {
      text: words.map((word) => ` ${word}`).join(''),
      ids: words,
      wordEnds: words.map((word, i) => {
        characters += 1 + String(word).length;
        return { ids: i + 1, characters };
      }),
      language: 'en',
      logProbability: -0.1,
      noSpeechProbability: 0.1,
      segments: [{ text: 'x', startMs: 10, endMs: 20, logProbability: 0, noSpeechProbability: 0 }],
      words: [],
      computeUs: 1000,
    };
  }

  async close(): Promise<void> {}
}

function listen(change: Partial<ListenSettings> = {}) {
  const transcriber = new FakeTranscriber();
  const heard: Heard[] = [];
  let nowMs = 0;
  const vad: SileroStream = {
    close: () => {},
    push: async (samples: Float32Array) =>
      Array.from({ length: samples.length / STEP }, (_, i) => (samples[i * STEP] ? 0.9 : 0)),
  };
  const parts = {
    vad,
    transcriber,
    nowMs: () => nowMs,
    tell: (one: Heard) => void heard.push(one),
    dropped: () => {},
    finished: () => {},
  };
  const listener = new Listener(parts, { ...SETTINGS, ...change });
  const say = async (...words: number[]) => {
    nowMs += words.length * 32;
    await listener.push(audio(...words));
    await settled();
  };
  const finals = () => heard.filter((one): one is HeardTranscript => one.kind === 'transcript' && one.final);
  return { listener, transcriber, heard, say, finals, pass: (ms: number) => (nowMs += ms) };
}

/** All that can go on without anything new has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a turn begins with its padding, ends with its silence, and its transcript is what was said', async () => {
  const { say, heard } = listen();
  await say(...silence(20), 7, 8, 9, ...silence(12));
  expect(heard).toMatchObject([
    // Step 20 less 3 steps of padding.
    { kind: 'speech-started', positionMs: 17 * 32, utterance: 0 },
    { kind: 'speech-stopped', positionMs: 33 * 32, utterance: 0 },
    {
      kind: 'transcript',
      final: true,
      text: '7 8 9',
      stableLength: 5,
      startMs: 17 * 32,
      endMs: 33 * 32,
      tag: '',
    },
  ]);
});

test('the transcript is begun in the pause, and is not made twice', async () => {
  const { say, transcriber, finals } = listen();
  transcriber.held = true;
  await say(...silence(5), 7, 8, ...silence(6));
  expect(transcriber.asked.map(({ urgency }) => urgency)).toEqual(['ahead']);
  transcriber.asked[0]!.answer();
  await say(...silence(6));
  expect(transcriber.asked).toHaveLength(1);
  expect(finals()).toMatchObject([{ text: '7 8' }]);
});

test('who goes on speaking after a pause is transcribed to the end', async () => {
  const { say, transcriber, finals } = listen();
  await say(7, 8, ...silence(6), 9, 9, ...silence(12));
  expect(transcriber.asked.map(({ urgency }) => urgency)).toEqual(['ahead', 'ahead']);
  expect(finals()).toMatchObject([{ text: '7 8 9 9' }]);
});

test('without turns only a commit ends an utterance; each gets its transcript, in order, with its tag', async () => {
  const { listener, say, finals, transcriber, pass } = listen({ turns: null });
  // What comes faster than it is spoken is not looked ahead at.
  pass(-60_000);
  transcriber.held = true;
  await say(1, 2, ...silence(60), 3);
  listener.commit('a');
  await say(4, 5);
  listener.commit('b');
  listener.commit('c');
  await settled();
  expect(transcriber.asked.map(({ urgency }) => urgency)).toEqual(['final', 'final']);
  transcriber.asked[1]!.answer();
  await settled();
  expect(finals()).toEqual([]);
  transcriber.asked[0]!.answer();
  await listener.end();
  expect(finals()).toMatchObject([
    { utterance: 0, text: '1 2 3', tag: 'a' },
    { utterance: 1, text: '4 5', tag: 'b' },
    { utterance: 2, text: '', tag: 'c' },
  ]);
});

test('what is cleared is in no transcript', async () => {
  const { listener, say, finals } = listen({ turns: null });
  await say(1, 2, 3);
  listener.clear();
  await say(4, 5);
  await listener.end();
  expect(finals()).toMatchObject([{ text: '4 5', startMs: 96 }]);
});

test('turn detection changes from here on', async () => {
  const { listener, say, heard, finals } = listen();
  await say(1, 2, ...silence(12));
  listener.changeTurns(null);
  await say(3, 4, ...silence(40));
  expect(finals()).toHaveLength(1);
  listener.changeTurns(SETTINGS.turns);
  await say(...silence(4), 5, 6, ...silence(12));
  expect(finals()).toMatchObject([{ text: '1 2' }, { text: '3 4 5 6' }]);
  expect(heard.filter(({ kind }) => kind === 'speech-started')).toHaveLength(2);
});

test('partials come while somebody speaks; what is settled stays and only grows', async () => {
  const { say, heard, transcriber } = listen({ partials: true });
  for (let word = 1; word <= 60; word++) await say(word);
  const partials = heard.filter((one): one is HeardTranscript => one.kind === 'transcript');
  expect(partials.length).toBeGreaterThan(2);
  let settledText = '';
  for (const { text, stableLength, final } of partials) {
    expect(final).toBe(false);
    expect(text.startsWith(settledText)).toBe(true);
    expect(stableLength).toBeGreaterThanOrEqual(settledText.length);
    settledText = text.slice(0, stableLength);
  }
  expect(settledText).toMatch(/^1 2 3 4 5 /);
  // The model is told what is settled, and guesses the rest.
  const last = transcriber.asked.at(-1)!.request;
  expect(last.forced.length).toBeGreaterThan(0);
  expect(last.thorough).toBe(false);
});

test('long speech is decided in windows, and times count from the beginning', async () => {
  const { listener, finals, transcriber, say } = listen({ turns: null });
  const words = Array.from({ length: 1900 }, (_, i) => i + 1);
  for (let at = 0; at < words.length; at += 100) await say(...words.slice(at, at + 100));
  await listener.end();
  expect(finals()).toHaveLength(1);
  const [final] = finals();
  expect(final!.text.split(' ').map(Number)).toEqual(words);
  expect(final!.segments.map(({ startMs }) => startMs)).toEqual([
    ...new Set(final!.segments.map((one) => one.startMs)),
  ]);
  expect(final!.segments.length).toBeGreaterThan(2);
  for (const { request } of transcriber.asked)
    expect(request.samples.length).toBeLessThanOrEqual(28 * 16_000);
});

test('silence is not transcribed', async () => {
  const { listener, say, transcriber, finals } = listen({ turns: null });
  await say(...silence(2000));
  listener.commit('t');
  await listener.end();
  expect(transcriber.asked).toEqual([]);
  expect(finals()).toMatchObject([{ text: '', tag: 't' }]);
});

test('a failure is told to whoever pushes next, and closing stops what is under way', async () => {
  const { listener, say, transcriber } = listen();
  transcriber.transcribe = () => Promise.reject(new HearingError('broken', 'it broke'));
  await say(1, 2, ...silence(12));
  await expect(listener.push(audio(0))).rejects.toThrow('it broke');
  const other = listen();
  other.transcriber.held = true;
  await other.say(1, 2, ...silence(6));
  other.listener.close();
  expect(other.transcriber.asked[0]!.signal.aborted).toBe(true);
});

test('what comes at once is not looked ahead at, and what is then spoken is', async () => {
  const { listener, say, transcriber } = listen();
  const urgencies = () => transcriber.asked.map(({ urgency }) => urgency);
  // Ten seconds in no time, with a pause in which nobody prepares for an end.
  await listener.push(audio(...silence(280), 7, 8, 9, ...silence(8), 7, 8, ...silence(12)));
  await settled();
  expect(urgencies()).toEqual(['final']);
  for (let i = 0; i < 40; i++) await say(0);
  await say(7, 8, 9);
  for (let i = 0; i < 12; i++) await say(0);
  expect(urgencies()).toEqual(['final', 'ahead']);
});
