import type { RungPolicy } from '@zen/quality';
import { RpcError } from '@zen/rpc';
import type { Group } from '../fleet/fleet';
import type { AnswerEnd, AnswerPiece } from './answer';
import type { Journey, Mover } from './mover';
import { Pace } from './pace';
import { eventOf, type ThinkerStream } from './thinker-stream';

export interface FollowOptions {
  mover: Mover;
  policy: Pick<RungPolicy, 'observe'>;
  now: () => number;
}

/**
 * The answer as its caller sees it: pieces and one end, whichever replicas they come from. When one fails, the answer
 * goes on at the next with the tokens that it has. Returning early cancels it.
 */
export async function* followAnswer(
  journey: Journey,
  opened: ThinkerStream,
  { traffic }: Pick<Group, 'traffic'>,
  { mover, policy, now }: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<AnswerPiece | AnswerEnd> {
  const { record } = journey;
  let stream = opened;
  let event: AnswerPiece | AnswerEnd | undefined = stream.first;
  let pace = new Pace(stream.link, now);
  /** Text that belongs to no token: whoever goes on with the answer would say it again, so it waits for the end. */
  let rest: AnswerPiece | undefined;
  let ended = false;
  try {
    for (;;) {
      if (event?.kind === 'end') {
        ended = true;
        const { completionTokens } = event.usage;
        traffic.answered(completionTokens);
        const { model, stage, from } = stream;
        const paced = pace.end(completionTokens - from, stage, traffic);
        if (paced) policy.observe({ model, stage }, 'tpot', paced.predictedMs, paced.observedMs, paced.atMs);
        // Reads the status that follows, so that the call ends by itself; the answer is whole whatever it says.
        stream.events.next().catch(() => undefined);
        const end = record.end(event);
        if (rest) yield rest;
        yield end;
        return;
      }
      if (event && event.tokenIds.length === 0 && event.text !== '') rest = event;
      else if (event && record.add(event)) {
        pace.hand();
        yield event;
        pace.taken();
      }
      let failure: RpcError;
      try {
        const { done, value } = await stream.events.next();
        if (!done) {
          event = eventOf(value);
          continue;
        }
        failure = new RpcError('UNAVAILABLE', 'the thinker ended an answer without a finish');
      } catch (error) {
        failure = RpcError.from(error);
      }
      stream.lease.end();
      stream = await mover.move(journey, stream, failure, signal);
      event = stream.first;
      pace = new Pace(stream.link, now);
      rest = undefined;
    }
  } finally {
    stream.lease.end();
    if (!ended) await stream.events.return?.();
  }
}
