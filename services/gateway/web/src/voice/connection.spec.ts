import { Connection } from './connection';
import type { ServerEvent } from './realtime-events';

/** A WebSocket whose other end is the test. */
class ScriptedSocket {
  static all: ScriptedSocket[] = [];
  readonly sent: string[] = [];
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose = () => {};

  constructor(
    readonly address: URL,
    readonly protocols: string[],
  ) {
    ScriptedSocket.all.push(this);
  }

  send(message: string): void {
    this.sent.push(JSON.parse(message).audio);
  }

  close(): void {
    queueMicrotask(() => this.onclose());
  }

  tell(event: ServerEvent): void {
    this.onmessage({ data: JSON.stringify(event) });
  }
}

const scope = globalThis as unknown as Record<string, unknown>;
const newest = () => ScriptedSocket.all[ScriptedSocket.all.length - 1] as ScriptedSocket;
const query = () => Object.fromEntries(newest().address.searchParams);
const append = (audio: string) => ({ type: 'input_audio_buffer.append', audio }) as const;

function opened(token: string | undefined = 't', isThere = () => true) {
  const told: string[] = [];
  const note = (word: string) => () => void told.push(word);
  const connection = new Connection(
    'm',
    'key',
    {
      onBegin: note('begin'),
      onResumed: note('resumed'),
      onEvent: ({ type }) => void told.push(type),
      onLost: note('lost'),
      onGone: (was) => void told.push(`gone ${was}`),
    },
    async () => isThere(),
  );
  const begin = () => {
    newest().onopen();
    const session = token === undefined ? {} : { 'x-zen': { resume_token: token } };
    newest().tell({ type: 'session.created', event_id: 'event_1', session });
  };
  return { connection, told, begin };
}

beforeEach(() => {
  jest.useFakeTimers();
  ScriptedSocket.all = [];
  Object.assign(scope, {
    WebSocket: ScriptedSocket,
    location: { href: 'https://zen.example/page' },
    window: globalThis,
  });
});
afterEach(() => {
  jest.useRealTimers();
  for (const name of ['WebSocket', 'location', 'window']) delete scope[name];
});

test('a session is asked for with model and key, and begins before its events', () => {
  const { connection, told, begin } = opened();
  expect(String(newest().address)).toBe('wss://zen.example/v1/realtime?model=m');
  expect(newest().protocols).toEqual(['realtime', 'openai-insecure-api-key.key']);
  begin();
  connection.send(append('a'));
  expect(newest().sent).toEqual(['a']);
  expect(told).toEqual(['begin', 'session.created']);
});

test('one that drops is taken up after its last event, and told what it did not take', () => {
  const { connection, told, begin } = opened();
  begin();
  for (const audio of ['a', 'b', 'c']) connection.send(append(audio));
  newest().tell({ type: 'session.updated', event_id: 'event_7' });
  newest().onclose();
  connection.send(append('d'));
  jest.advanceTimersByTime(0);
  expect(query()).toEqual({ model: 'm', resume: 't', after: 'event_7' });
  newest().onopen();
  newest().tell({ type: 'x-zen.session.resumed', received: 2 });
  expect(newest().sent).toEqual(['c', 'd']);
  connection.send(append('e'));
  expect(newest().sent).toEqual(['c', 'd', 'e']);
  expect(told).toEqual(['begin', 'session.created', 'session.updated', 'lost', 'resumed']);
});

test('where the session is no more, another one begins', async () => {
  const { told, begin } = opened();
  begin();
  newest().onclose();
  jest.advanceTimersByTime(0);
  // Refused: it closes without having been open. Once may be the network, just back.
  newest().onclose();
  await jest.advanceTimersByTimeAsync(500);
  expect(query()).toMatchObject({ resume: 't' });
  newest().onclose();
  await jest.advanceTimersByTimeAsync(1000);
  expect(query()).toEqual({ model: 'm' });
  begin();
  expect(told.filter((word) => word === 'begin')).toHaveLength(2);
});

test('a network that stays away for a while is no reason to begin anew', async () => {
  let isThere = false;
  const { told, begin } = opened('t', () => isThere);
  begin();
  for (const waitMs of [0, 500, 1000, 2000]) {
    newest().onclose();
    await jest.advanceTimersByTimeAsync(waitMs);
    expect(query()).toEqual({ model: 'm', resume: 't', after: 'event_1' });
  }
  isThere = true;
  newest().onopen();
  newest().tell({ type: 'x-zen.session.resumed', received: 0 });
  expect(told.filter((word) => word === 'begin' || word === 'resumed')).toEqual(['begin', 'resumed']);
});

test('a server that stays away is given up, one that never was there at once', () => {
  const { told, begin } = opened();
  begin();
  for (let tries = 0; tries < 8; tries++) {
    newest().onclose();
    jest.advanceTimersByTime(10_000);
  }
  expect(told[told.length - 1]).toBe('gone true');
  const { told: never } = opened();
  newest().onclose();
  expect(never).toEqual(['gone false']);
});

test('what its person ends is not taken up', () => {
  const { connection, told, begin } = opened();
  begin();
  connection.close();
  newest().onclose();
  jest.advanceTimersByTime(60_000);
  expect(ScriptedSocket.all).toHaveLength(1);
  expect(told).not.toContain('lost');
});
