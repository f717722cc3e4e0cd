import { AnswerFinished, AnswerPiece, AnswerStarted, type ChatResponse, ToolCall } from '@zen/contracts';
import { RpcError } from '@zen/rpc';
import { type AnswerEvent, resumed } from './resume';

const started = { event: { $case: 'started', value: AnswerStarted.fromPartial({ id: 'a' }) } } as const;
const finished = { event: { $case: 'finished', value: AnswerFinished.fromPartial({}) } } as const;
const piece = (text: string, resumeToken = `after ${text}`) =>
  ({ event: { $case: 'piece', value: AnswerPiece.fromPartial({ text, resumeToken }) } }) as const;
const gone = new RpcError('UNAVAILABLE', 'gone');

/** Plays one stream after the other; an error ends one. Notes the token of each. */
function streams(...plays: (ChatResponse | Error)[][]) {
  const tokens: string[] = [];
  async function* open(token: string): AsyncGenerator<ChatResponse> {
    for (const step of plays[tokens.push(token) - 1] ?? []) {
      if (step instanceof Error) throw step;
      yield step;
    }
  }
  return { tokens, open };
}

async function read(open: (token: string) => AsyncIterable<ChatResponse>, maxBreaks = 2) {
  const events: AnswerEvent[] = [];
  const failure = await (async () => {
    for await (const event of resumed(open, { maxBreaks, backoffMs: 0, signal: undefined }))
      events.push(event);
  })().catch((error: unknown) => error);
  const shown = events.map((event) => (event.type === 'piece' ? event.piece.text : event.type)).join(' ');
  return { shown, failure };
}

describe('an answer that breaks off', () => {
  test('goes on after its last piece, and begins once', async () => {
    const { tokens, open } = streams(
      [started, piece('a'), piece('b'), gone],
      [started, gone],
      [started, piece('c')],
      [started, piece('d'), finished],
    );
    expect(await read(open)).toEqual({ shown: 'started a b c d finished', failure: undefined });
    expect(tokens).toEqual(['', 'after b', 'after b', 'after c']);
  });

  test('tells a call once that breaks off before its piece', async () => {
    const call = { event: { $case: 'toolCall', value: ToolCall.fromPartial({ id: 'c' }) } } as const;
    const { open } = streams(
      [started, piece('a'), call, gone],
      [call, piece('b'), call, piece('d'), finished],
    );
    expect((await read(open)).shown).toBe('started a toolCall b toolCall d finished');
  });

  test('a gateway that shuts down hands over what to go on with', async () => {
    const handover = new RpcError('UNAVAILABLE', 'shutting down', { 'x-zen-resume-token': 'handed over' });
    const { tokens, open } = streams([started, piece('a'), handover], [piece('b'), finished]);
    expect((await read(open)).shown).toBe('started a b finished');
    expect(tokens).toEqual(['', 'handed over']);
  });

  test.each<[string, (ChatResponse | Error)[], object]>([
    ['before its first piece', [started, gone], { code: 'UNAVAILABLE', resumeToken: null }],
    [
      'after a piece that nothing continues',
      [started, piece('a'), piece('b', ''), gone],
      { resumeToken: null },
    ],
    [
      'with another failure',
      [piece('a'), new RpcError('INTERNAL', 'bug')],
      { code: 'INTERNAL', resumeToken: 'after a' },
    ],
  ])('%s is a failure', async (_, steps, failure) => {
    const { tokens, open } = streams(steps);
    expect((await read(open)).failure).toMatchObject({ name: 'ZenError', ...failure });
    expect(tokens).toHaveLength(1);
  });

  test('again and again without a piece between is a failure that can still be resumed', async () => {
    const { tokens, open } = streams([piece('a'), gone], [gone], [gone], [piece('never'), finished]);
    expect((await read(open)).failure).toMatchObject({ code: 'UNAVAILABLE', resumeToken: 'after a' });
    expect(tokens).toHaveLength(3);
  });
});
