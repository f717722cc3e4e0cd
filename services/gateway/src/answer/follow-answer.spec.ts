import { type ExpertFalls, FinishReason, GenerateResponse, Started } from '@zen/contracts';
import { CLOSED } from '@zen/routing';
import { RpcError } from '@zen/rpc';
import { Traffic } from '../fleet/traffic';
import type { AnswerPiece } from './answer';
import { AnswerRecord } from './answer-record';
import { followAnswer } from './follow-answer';
import type { Journey, Mover } from './mover';
import { eventOf, type ThinkerStream } from './thinker-stream';

const fallen = (text: string, standIn: bigint, ...tokenIds: number[]) =>
  GenerateResponse.fromPartial({
    event: { $case: 'piece', value: { text, tokenIds, stage: 1, expertFalls: { standIn } } },
  });
const piece = (text: string, ...tokenIds: number[]) =>
  GenerateResponse.fromPartial({ event: { $case: 'piece', value: { text, tokenIds, stage: 1 } } });
const finished = (completionTokens: number) =>
  GenerateResponse.fromPartial({
    event: {
      $case: 'finished',
      value: { reason: FinishReason.FINISH_REASON_STOP, usage: { promptTokens: 3, completionTokens } },
    },
  });

function streamOf([first, ...more]: (GenerateResponse | Error)[], from = 0): ThinkerStream {
  async function* events() {
    for (const one of more) {
      if (one instanceof Error) throw one;
      yield one;
    }
  }
  const link = {
    address: 'a',
    circuit: CLOSED,
    sequences: 1,
    view: () => undefined,
    arrivals: { perSecond: () => 0 },
  };
  const lease = { started: () => {}, end: () => {} };
  return {
    link,
    model: 'm',
    stage: 1,
    from,
    lease,
    first: eventOf(first as GenerateResponse) as AnswerPiece,
    events: events(),
  } as unknown as ThinkerStream;
}

/** What the caller sees of an answer whose streams break off one after the other. */
async function follow(...streams: (GenerateResponse | Error)[][]) {
  const record = new AnswerRecord(100, 100);
  const [first, ...others] = streams;
  const had: number[][] = [];
  const move = async () => {
    had.push([...record.tokens]);
    // As opening a stream does.
    record.started(Started.create());
    return streamOf(others.shift() ?? [], record.position);
  };
  const options = { mover: { move } as unknown as Mover, policy: { observe: () => {} }, now: () => 0 };
  const opened = streamOf(first ?? []);
  const seen: string[] = [];
  let falls: ExpertFalls | undefined;
  const journey = { record } as Journey;
  const signal = new AbortController().signal;
  for await (const event of followAnswer(journey, opened, { traffic: new Traffic() }, options, signal)) {
    seen.push(event.kind === 'piece' ? event.text : `end ${event.usage.completionTokens}`);
    if (event.kind === 'end') falls = event.expertFalls;
  }
  return { seen, had, falls };
}

const gone = new RpcError('UNAVAILABLE', 'gone');

describe('an answer from several streams', () => {
  test('is one answer', async () => {
    const { seen, had } = await follow(
      [piece('a', 1), piece('b', 2, 3), gone],
      [piece('c', 4), gone],
      [piece('d', 5), finished(5)],
    );
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'end 5']);
    expect(had).toEqual([
      [1, 2, 3],
      [1, 2, 3, 4],
    ]);
  });

  test('how its parts fell is told of the whole, those of a replica that is gone included', async () => {
    const end = GenerateResponse.fromPartial({
      event: { $case: 'finished', value: { expertFalls: { standIn: 1n, without: 3n } } },
    });
    const { falls } = await follow(
      [piece('a', 1), fallen('b', 4n, 2), fallen('c', 6n, 3), gone],
      [piece('d', 4), end],
    );
    expect(falls).toEqual({ standIn: 7n, without: 3n });
    expect((await follow([piece('a', 1), finished(1)])).falls).toBeUndefined();
  });

  test('text that belongs to no token is said once, although two streams gave it', async () => {
    const { seen } = await follow(
      [piece('a', 1), piece('held back'), gone],
      [piece('held back'), finished(1)],
    );
    expect(seen).toEqual(['a', 'held back', 'end 1']);
  });

  test('a stream without an end is one that broke off', async () => {
    expect((await follow([piece('a', 1)], [finished(1)])).seen).toEqual(['a', 'end 1']);
  });
});
