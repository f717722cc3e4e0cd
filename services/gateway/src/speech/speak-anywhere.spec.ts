import { SpeakStart } from '@zen/contracts';
import { RpcError } from '@zen/rpc';
import { ScriptedTalker } from './scripted-talker.fixture';
import { SpeakAnywhere, type SpeakAnywhereOptions, type TalkerPlace } from './speak-anywhere';
import type { SpokenEvent } from './spoken-event';

const TEXT =
  'Anna bakes bread, Boris cuts dill. Carla digs earth, Dmitri eats figs, Emma finds gold. Finn goes home';
const killed = new RpcError('UNAVAILABLE', 'Connection dropped');
const well = { messages: Number.POSITIVE_INFINITY, error: null };
const refused = (code: 'RESOURCE_EXHAUSTED' | 'NOT_FOUND' | 'INTERNAL', name?: string) =>
  new RpcError(code, 'voice: no', name === undefined ? {} : { 'x-zen-failure': name });

interface Ended {
  address: string;
  error: RpcError | null;
}

function utterance(talkers: ScriptedTalker[], change: Partial<SpeakAnywhereOptions> = {}) {
  const ended: Ended[] = [];
  let nowMs = 0;
  const speaking = new SpeakAnywhere({
    start: SpeakStart.fromPartial({ requestId: 'r', speed: 1 }),
    pick: (shunned) => {
      const at = talkers.findIndex((_, index) => !shunned.has(`talker-${index}`));
      const client = talkers[at];
      if (!client) return undefined;
      const address = `talker-${at}`;
      return { address, client, ended: (error) => ended.push({ address, error }) } satisfies TalkerPlace;
    },
    signal: new AbortController().signal,
    mostMoves: 20,
    mostWaitMs: 5000,
    // A talker that failed may be asked again at the next look.
    nowMs: () => (nowMs += 200),
    ...change,
  });
  return { speaking, ended };
}

async function all(speaking: SpeakAnywhere): Promise<SpokenEvent[]> {
  const events: SpokenEvent[] = [];
  for await (const event of speaking.events()) events.push(event);
  return events;
}

/** Proves that text and samples have their places. */
function expectTiled(events: readonly SpokenEvent[]): void {
  let position = 0;
  let textEnd = 0;
  let clause = -1;
  for (const event of events) {
    if (event.kind === 'clause') {
      expect([event.index, event.textStart, event.firstSample]).toEqual([clause + 1, textEnd, position]);
      clause = event.index;
      textEnd = event.textEnd;
    } else if (event.kind === 'frame') {
      expect([event.position, event.clause]).toEqual([position, clause]);
      position += event.pcm.length / 2;
    } else if (event.kind === 'move') {
      expect(event.lostText.start).toBe(textEnd);
      expect(event.clause).toBe(event.lostSamples > 0 || event.lostText.end > textEnd ? clause : -1);
      textEnd = event.lostText.end;
    } else if (event.kind === 'end') expect([event.samples, event.textLength]).toEqual([position, textEnd]);
  }
}

/** Codes as they came, two of each character where none is lost. */
function codes(events: readonly SpokenEvent[]): string {
  return events
    .flatMap((event) =>
      event.kind === 'frame'
        ? Array.from({ length: event.pcm.length / 2 }, (_, i) =>
            String.fromCharCode(event.pcm.readInt16LE(2 * i)),
          )
        : [],
    )
    .join('');
}

const doubled = (text: string) => [...text].map((one) => one + one).join('');

test('speaks a text while it is written, from start to end', async () => {
  const talker = new ScriptedTalker([well]);
  const { speaking, ended } = utterance([talker]);
  const events = all(speaking);
  for (let at = 0; at < TEXT.length; at += 7) {
    speaking.push(TEXT.slice(at, at + 7));
    await Promise.resolve();
  }
  speaking.end();
  const heardEvents = await events;
  expectTiled(heardEvents);
  expect(codes(heardEvents)).toBe(doubled(TEXT));
  expect(heardEvents[0]).toMatchObject({ kind: 'start', voice: 'scripted', sampleRate: 24_000, seed: 77n });
  expect(heardEvents.at(-1)).toMatchObject({ kind: 'end', textLength: TEXT.length });
  expect(ended).toEqual([{ address: 'talker-0', error: null }]);
});

test('a talker is called before it is known what to begin with; text that came meanwhile is said in order', async () => {
  const lost = new ScriptedTalker([{ messages: 0, error: killed }]);
  const talkers = [lost, new ScriptedTalker([well])];
  let begin: (start: SpeakStart) => void = () => {};
  const start = new Promise<SpeakStart>((resolve) => {
    begin = resolve;
  });
  const { speaking } = utterance(talkers, { start });
  const events = all(speaking);
  speaking.push(TEXT.slice(0, 30));
  speaking.flush();
  await Promise.resolve();
  expect(talkers.map(({ texts, starts }) => [texts, starts])).toEqual([
    [[''], []],
    [[], []],
  ]);
  speaking.push(TEXT.slice(30));
  begin(SpeakStart.fromPartial({ requestId: 'late' }));
  await Promise.resolve();
  speaking.end();
  expect(codes(await events)).toBe(doubled(TEXT));
  expect(talkers[1]?.starts).toMatchObject([{ requestId: 'late' }]);
});

test('what keeps an utterance from beginning is thrown, and its call is left', async () => {
  const talker = new ScriptedTalker([well]);
  const { speaking, ended } = utterance([talker], { start: Promise.reject(new Error('no prompt')) });
  await expect(all(speaking)).rejects.toThrow('no prompt');
  expect(talker.cancelled).toBe(1);
  expect(ended).toHaveLength(1);
});

const CLAUSE_ENDS = [...TEXT.matchAll(/[,.]|$/g)].map((end) => end.index + end[0].length);

test('killed at any message: goes on after the clause that was being said, nothing twice, positions without a gap', async () => {
  let lost = 0;
  for (let messages = 1; messages < 70; messages++) {
    const talkers = [new ScriptedTalker([{ messages, error: killed }, well]), new ScriptedTalker([well])];
    const { speaking, ended } = utterance(talkers);
    speaking.push(TEXT);
    speaking.end();
    const events = await all(speaking);
    expectTiled(events);
    const spoken = codes(events);
    const at = events.findIndex(({ kind }) => kind === 'move');
    const move = events[at];
    if (move?.kind !== 'move') {
      // It died before it began, or when everything was said.
      expect(spoken).toBe(doubled(TEXT));
      continue;
    }
    const before = codes(events.slice(0, at));
    expect(doubled(TEXT).startsWith(before)).toBe(true);
    // What follows is the text from the next clause on, to its end.
    const next = [0, ...CLAUSE_ENDS].find((end) => 2 * end >= before.length) as number;
    expect(codes(events.slice(at))).toBe(doubled(TEXT).slice(2 * next));
    if (2 * next > before.length) lost += 1;
    expect(ended[0]).toEqual({ address: 'talker-0', error: killed });
    // It goes on in the same voice.
    expect(talkers[1]!.starts).toEqual(
      move.to === '' ? [] : [expect.objectContaining({ voice: 'scripted', seed: 77n })],
    );
  }
  expect(lost).toBeGreaterThan(30);
});

test('killed again and again: each time the next clause', async () => {
  const talkers = [0, 1].map(() => new ScriptedTalker([{ messages: 9, error: killed }]));
  const { speaking } = utterance(talkers);
  speaking.push(TEXT);
  speaking.end();
  const events = await all(speaking);
  expectTiled(events);
  expect(events.filter(({ kind }) => kind === 'move').length).toBeGreaterThan(2);
  // No sound comes twice: what was heard is the text with holes in it.
  let at = 0;
  const text = doubled(TEXT);
  for (const code of codes(events)) at = text.indexOf(code, at) + 1;
  expect(at).toBeGreaterThan(0);
  expect(events.at(-1)).toMatchObject({ kind: 'end', textLength: TEXT.length });
});

test('text that comes after a move goes to the talker that goes on', async () => {
  const first = new ScriptedTalker([{ messages: 3, error: killed }, well]);
  const second = new ScriptedTalker([well]);
  const { speaking } = utterance([first, second]);
  const events = speaking.events();
  speaking.push('One two three, four');
  const got: SpokenEvent[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) break;
    got.push(value);
    if (value.kind !== 'move') continue;
    speaking.push(' five.');
    speaking.flush();
    speaking.push(' Six');
    speaking.end();
  }
  expectTiled(got);
  expect(second.texts).toEqual([' four five. Six']);
});

test('a talker that is full or leaving is passed over; who refuses the text ends it', async () => {
  for (const error of [
    refused('RESOURCE_EXHAUSTED', 'full'),
    new RpcError('UNAVAILABLE', 'going', { 'x-zen-failure': 'draining' }),
  ]) {
    const { speaking, ended } = utterance([
      new ScriptedTalker([{ messages: 0, error }]),
      new ScriptedTalker([well]),
    ]);
    speaking.push(TEXT);
    speaking.end();
    const events = await all(speaking);
    expect(codes(events)).toBe(doubled(TEXT));
    expect(events.filter(({ kind }) => kind === 'start')).toHaveLength(1);
    expect(ended.map(({ address }) => address)).toEqual(['talker-0', 'talker-1']);
  }
  const { speaking } = utterance([
    new ScriptedTalker([{ messages: 0, error: refused('NOT_FOUND') }]),
    new ScriptedTalker([well]),
  ]);
  speaking.end();
  await expect(all(speaking)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a text that fails wherever it is said is given to two talkers only', async () => {
  const talkers = [0, 1, 2].map(() => new ScriptedTalker([{ messages: 2, error: refused('INTERNAL') }]));
  const { speaking, ended } = utterance(talkers);
  speaking.push(TEXT);
  speaking.end();
  await expect(all(speaking)).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(ended).toHaveLength(2);
});

test('with nobody to go on it waits for as long as it may, then says why', async () => {
  const { speaking } = utterance([]);
  await expect(all(speaking)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'no talker can be asked now',
  });
  const full = refused('RESOURCE_EXHAUSTED', 'full');
  const { speaking: other } = utterance([new ScriptedTalker([{ messages: 0, error: full }])], {
    mostWaitMs: 3000,
  });
  await expect(all(other)).rejects.toBe(full);
});

test('leaving it cancels the call; a signal ends it', async () => {
  const talker = new ScriptedTalker([well]);
  const { speaking, ended } = utterance([talker]);
  speaking.push(TEXT);
  for await (const { kind } of speaking.events()) if (kind === 'frame') break;
  expect(talker.cancelled).toBe(1);
  expect(ended).toEqual([{ address: 'talker-0', error: null }]);
  const abort = new AbortController();
  const { speaking: other } = utterance([], { signal: abort.signal });
  abort.abort();
  await expect(all(other)).rejects.toMatchObject({ code: 'CANCELLED' });
});
