import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { openGateway, PacedThinker, type Running } from '../gateway.fixture';
import { openWrongServer, type Spoil, untouched, type WrongServer } from './wrong-server.fixture';

const REPLAY = join(__dirname, '../../conformance/replay.mjs');
const WRITTEN = 'a written response';
const DELTA = 'response.output_text.delta';

/** Does something else to the first event of this type. */
const at =
  (type: string, change: Spoil): (() => Spoil) =>
  () => {
    let done = false;
    return (event, end) => {
      if (done || event.type !== type) return [event];
      done = true;
      return change(event, end);
    };
  };
/** The first event of this type comes after the one that follows it. */
const late = (type: string) => () => {
  let kept: Parameters<Spoil>[0] | undefined;
  let done = false;
  const spoil: Spoil = (event) => {
    if (kept === undefined && !done && event.type === type) {
      kept = event;
      return [];
    }
    const messages = kept ? [event, kept] : [event];
    done ||= kept !== undefined;
    kept = undefined;
    return messages;
  };
  return spoil;
};

/** What is wrong with the server, how, and what the script has to say of it. */
const FAULTS: [string, () => Spoil, RegExp][] = [
  [
    'an event is missing',
    at('response.content_part.added', () => []),
    /expected response\.content_part\.added, got response\.output_text\.delta /,
  ],
  [
    'an event is there that nothing asked for',
    at('session.updated', (event) => [event, { type: 'session.updated', event_id: 'x' }]),
    /expected conversation\.item\.added, got session\.updated .*"event_id":"x"/,
  ],
  [
    'one more comes at the end',
    at('rate_limits.updated', (event) => [event, { type: 'conversation.created', event_id: 'x' }]),
    /expected input_audio_buffer\.cleared, got conversation\.created .*"event_id":"x"/,
  ],
  [
    'two come in the wrong order',
    late('response.output_text.done'),
    /expected response\.output_text\.done, got response\.content_part\.done /,
  ],
  [
    'a response begins before it is made',
    late('response.created'),
    /expected response\.created, got no such response: response\.output_item\.added /,
  ],
  [
    'an item is used before it is made',
    at('response.output_item.added', () => []),
    /expected response\.output_item\.added, got conversation\.item\.added /,
  ],
  [
    'an event is of another item',
    at(DELTA, (event) => [{ ...event, item_id: 'another' }]),
    /got no such item: response\.output_text\.delta /,
  ],
  [
    'a message is no JSON',
    at(DELTA, (event) => [JSON.stringify(event).slice(0, -1)]),
    /expected response\.output_text\.delta, got a message that is no JSON: \{/,
  ],
  [
    'a message is binary',
    at(DELTA, (event) => [Buffer.from(JSON.stringify(event))]),
    /expected response\.output_text\.delta, got a binary message/,
  ],
  [
    'an event has no id',
    at('response.done', ({ event_id: _, ...event }) => [event]),
    /expected response\.done, got an event without event_id: \{"type":"response\.done"/,
  ],
  [
    'an event comes twice',
    at(DELTA, (event) => [event, event]),
    /got the event_id of an earlier event: response\.output_text\.delta /,
  ],
  [
    'a piece of the text is missing',
    at(DELTA, (event) => [{ ...event, delta: '' }]),
    /expected the end of response\.output_text\.delta, got not what its deltas add up to: response\.output_text\.done /,
  ],
];

describe('the script that replays recorded events', () => {
  let running: Running;
  let server: WrongServer;
  beforeAll(async () => {
    running = await openGateway([new PacedThinker({ contextTokens: 1_000_000 })]);
    server = await openWrongServer(running.url);
  });
  afterAll(async () => {
    server.close();
    await running.stop();
  });

  const replay = (spoil: () => Spoil, ...options: string[]) => {
    server.spoil = spoil;
    return new Promise<{ code: unknown; lines: string[] }>((resolve) => {
      const argv = [REPLAY, server.url, 'paced', ...options];
      execFile(process.execPath, argv, (error, stdout) =>
        resolve({ code: error?.code ?? 0, lines: stdout.trim().split('\n') }),
      );
    });
  };

  it('finds nothing wrong where nothing is', async () => {
    const { code, lines } = await replay(untouched);
    expect(lines.filter((line) => !line.startsWith('ok: '))).toEqual([
      'skipped: a spoken response (--speaks)',
    ]);
    expect(lines).toHaveLength(8);
    expect(code).toBe(0);
  });

  it.each(FAULTS)('names it: %s', async (_, spoil, said) => {
    const { code, lines } = await replay(spoil, '--only', WRITTEN);
    expect(lines).toEqual([expect.stringMatching(said)]);
    expect(lines[0]).toMatch(/^FAILED: a written response: /);
    expect(code).toBe(1);
  });

  it('names a value that is not the expected one', async () => {
    const forgotten = at('session.updated', (event) => [{ ...event, session: { instructions: '' } }]);
    const { lines } = await replay(forgotten, '--only', 'a session begins and is changed');
    expect(lines).toEqual([
      expect.stringMatching(
        /^FAILED: .*expected \{"session":\{"instructions":"Be brief\."\}\}, got session\.updated /,
      ),
    ]);
  });

  it('does not wait for ever for a server that says nothing', async () => {
    const { code, lines } = await replay(() => () => [], '--only', WRITTEN, '--wait', '0.5');
    expect(lines).toEqual(['FAILED: a written response: expected session.created, got nothing for 0.5 s']);
    expect(code).toBe(1);
  });

  it('names a connection that ends, and goes on with the next order', async () => {
    const { code, lines } = await replay(() => (_, end) => {
      end();
      return [];
    });
    expect(lines.slice(0, -1)).toEqual(Array(7).fill(expect.stringMatching(/^FAILED: .*, got closed: 1006/)));
    expect(code).toBe(1);
  });
});
