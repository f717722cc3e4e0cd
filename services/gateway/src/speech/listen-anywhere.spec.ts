import { type ListenRequest, type ListenResponse, ListenStart, Transcript } from '@zen/contracts';
import { RpcError, type StreamListener } from '@zen/rpc';
import {
  ListenAnywhere,
  type ListenAnywhereOptions,
  type ListenMove,
  type ListenPlace,
} from './listen-anywhere';

type Event = NonNullable<ListenResponse['event']>;

const BYTES_PER_MS = 8;
const killed = new RpcError('UNAVAILABLE', 'Connection dropped');
const TURNS = { threshold: 0.5, prefixPaddingMs: 0, silenceMs: 500, semantic: false, eagerness: 0 };
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Takes down what a talker is told; the test says what it answers. */
class Call {
  readonly told: string[] = [];
  bytes = 0;
  private over = false;
  constructor(private readonly listener: StreamListener<ListenResponse>) {}

  readonly stream = {
    send: ({ message }: ListenRequest) => {
      switch (message?.$case) {
        case 'start':
          this.told.push(message.value.turnDetection ? 'start with turns' : 'start');
          break;
        case 'audio':
          this.bytes += message.value.length;
          break;
        case 'commit':
          this.told.push(`commit ${message.value.tag} at ${this.ms}`);
          break;
        case 'turnDetection':
          this.told.push(`turns ${message.value.turnDetection ? 'on' : 'off'} at ${this.ms}`);
          break;
        case 'clear':
          this.told.push(`clear at ${this.ms}`);
      }
      return true;
    },
    drained: async () => {},
    pause: () => {},
    resume: () => {},
    end: () => this.told.push(`end at ${this.ms}`),
    cancel: () => this.die(new RpcError('CANCELLED', 'cancelled')),
  };

  get ms(): number {
    return this.bytes / BYTES_PER_MS;
  }

  die(error: RpcError | null = killed): void {
    if (this.over) return;
    this.over = true;
    this.listener.ended(error);
  }

  started(utterance: number, positionMs: number): void {
    this.say({ $case: 'speechStarted', value: { utterance, positionMs: BigInt(positionMs) } });
  }

  stopped(utterance: number, positionMs: number): void {
    this.say({ $case: 'speechStopped', value: { utterance, positionMs: BigInt(positionMs) } });
  }

  transcript(utterance: number, text: string, more: Partial<Transcript> = {}): void {
    this.say({ $case: 'transcript', value: Transcript.fromPartial({ utterance, text, ...more } as object) });
  }

  private say(event: Event): void {
    this.listener.message({ event });
  }
}

function listening(detects: boolean, change: Partial<ListenAnywhereOptions> = {}) {
  const calls: Call[] = [];
  const heard: string[] = [];
  const moves: ListenMove[] = [];
  const failures: string[] = [];
  let nowMs = 0;
  const place = (address: string): ListenPlace => ({
    address,
    client: {
      listen: (listener) => {
        const call = new Call(listener);
        calls.push(call);
        return call.stream;
      },
    },
    ended: () => {},
  });
  const ear = new ListenAnywhere({
    start: ListenStart.fromPartial({ requestId: 'r', ...(detects ? { turnDetection: TURNS } : {}) }),
    bytesPerMs: BYTES_PER_MS,
    first: place('a'),
    pick: (shunned) => place(shunned.has('b') ? 'c' : 'b'),
    nowMs: () => (nowMs += 10),
    mostMoves: 8,
    mostWaitMs: 1000,
    keptBytes: 400_000,
    onMove: (_, move) => moves.push(move),
    heard: (event) => {
      const { value } = event;
      if (event.$case === 'speechStarted' || event.$case === 'speechStopped') {
        heard.push(
          `${event.$case === 'speechStarted' ? 'started' : 'stopped'} ${value.utterance} ${event.value.positionMs}`,
        );
      } else {
        const { text, final, tag, startMs, endMs } = event.value;
        heard.push(
          `${final ? `final ${startMs}-${endMs}${tag && ` of ${tag}`}` : 'partial'} ${value.utterance} ${text}`,
        );
      }
    },
    failed: ({ message }) => failures.push(message),
    ...change,
  });
  const say = (ms: number) => {
    let isFlowing = true;
    for (let at = 0; at < ms; at += 20) isFlowing = ear.hear(Buffer.alloc(20 * BYTES_PER_MS));
    return isFlowing;
  };
  const call = (at: number) => calls[at] as Call;
  return { ear, calls, call, heard, moves, failures, say };
}

it('goes on in the middle of an utterance: its start is not told again, positions and numbers go on', async () => {
  const { call, heard, moves, say } = listening(true);
  say(8000);
  call(0).started(0, 1024);
  call(0).stopped(0, 3000);
  call(0).transcript(0, 'One.', { final: true, startMs: 1024n, endMs: 3000n });
  call(0).started(1, 5000);
  call(0).transcript(1, 'Two and', { stableLength: 3 });
  call(0).die();
  say(1000);
  await settle();
  // A second before its start, on the steps of the detector.
  expect(call(1).told).toEqual(['start with turns']);
  expect(call(1).ms).toBe(9000 - 4000);
  call(1).started(0, 990);
  call(1).transcript(0, 'Too and three', { stableLength: 3 });
  call(1).transcript(0, 'Two and three', { stableLength: 7 });
  call(1).stopped(0, 4500);
  call(1).transcript(0, 'Two and three.', { final: true, startMs: 990n, endMs: 4500n });
  call(1).started(1, 4800);
  expect(heard).toEqual([
    'started 0 1024',
    'stopped 0 3000',
    'final 1024-3000 0 One.',
    'started 1 5000',
    'partial 1 Two and',
    'partial 1 Two and three',
    'stopped 1 8500',
    'final 4990-8500 1 Two and three.',
    'started 2 8800',
  ]);
  expect(moves).toEqual([
    expect.objectContaining({ from: 'a', to: 'b', againMs: 5000, reason: 'Connection dropped' }),
  ]);
});

it('what has ended is ended in the same place, and turns are detected behind it', async () => {
  const { ear, call, heard, say } = listening(true);
  say(4000);
  call(0).started(0, 1000);
  call(0).stopped(0, 2500);
  call(0).started(1, 3200);
  ear.commit('mine');
  say(500);
  call(0).die();
  await settle();
  expect(call(1).told).toEqual([
    'start',
    'commit again_0 at 2500',
    'commit again_1 at 4000',
    'turns on at 4000',
  ]);
  expect(call(1).ms).toBe(4500);
  call(1).transcript(0, 'Par');
  call(1).transcript(0, 'One.', { final: true, tag: 'again_0', endMs: 2500n });
  // Killed again: what is answered is not asked for again.
  call(1).die();
  await settle();
  expect(call(2).told).toEqual(['start', 'commit again_0 at 1504', 'turns on at 1504']);
  call(2).transcript(0, 'Two.', { final: true, tag: 'again_0', startMs: 0n, endMs: 1504n });
  expect(heard).toEqual([
    'started 0 1000',
    'stopped 0 2500',
    'started 1 3200',
    'final 1000-2500 0 One.',
    'final 3200-4000 of mine 1 Two.',
  ]);
});

it('without turn detection commits and clears are repeated, and so is the end', async () => {
  const { ear, call, heard, say } = listening(false);
  say(1000);
  ear.commit('first');
  say(300);
  ear.clear();
  say(700);
  ear.commit('second');
  ear.end();
  call(0).die(null);
  await settle();
  const told = ['start', 'commit again_0 at 1000', 'clear at 1300', 'commit again_1 at 2000', 'end at 2000'];
  expect(call(1).told).toEqual(told);
  call(1).transcript(0, 'One.', { final: true, tag: 'again_0' });
  call(1).transcript(2, 'Two.', { final: true, tag: 'again_1' });
  expect(heard).toEqual(['final 0-0 of first 0 One.', 'final 0-0 of second 1 Two.']);
});

it('who is not found again has stopped in the end', async () => {
  const { call, heard, say } = listening(true);
  say(2000);
  call(0).started(0, 1000);
  call(0).die();
  await settle();
  say(3000);
  expect(heard.at(-1)).toMatch(/^stopped 0 \d+$/);
  const tag = 'unheard_0';
  expect(call(1).told.at(-1)).toMatch(/^commit unheard_0 at \d+$/);
  call(1).transcript(0, '', { final: true, tag, endMs: 2500n });
  expect(heard.at(-1)).toMatch(/^final 1000-\d+ 0 $/);
});

it('silence is kept for a while only, and a long utterance is lost by name', async () => {
  const { call, failures, moves, say } = listening(true);
  say(120_000);
  call(0).die();
  await settle();
  expect(call(1).ms).toBeLessThan(16_000);
  call(1).started(0, 14_000);
  say(60_000);
  call(1).die();
  await settle();
  expect(failures).toEqual(['Connection dropped']);
  expect(moves.map(({ to }) => to)).toEqual(['b', '']);
});

it.each([
  ['what cannot be heard anywhere', new RpcError('INVALID_ARGUMENT', 'language: no'), 1],
  ['what takes every talker with it', killed, 3],
])('%s is given up', async (_, error, talkers) => {
  const { calls, failures, say } = listening(true);
  say(500);
  for (let at = 0; at < 5; at++) {
    calls[at]?.die(error);
    await settle();
  }
  expect(calls).toHaveLength(talkers);
  expect(failures).toEqual([error.message]);
});

it('with no talker its client waits before more than may be kept has come', async () => {
  const { ear, call, say } = listening(false, { pick: () => undefined, mostWaitMs: 1e9 });
  expect(say(1000)).toBe(true);
  call(0).die();
  await settle();
  expect(say(1000)).toBe(true);
  expect(say(30_000)).toBe(false);
  const drained = ear.drained();
  ear.cancel();
  await drained;
});
