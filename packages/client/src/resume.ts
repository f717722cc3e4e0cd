import type { AnswerFinished, AnswerPiece, AnswerStarted, ToolCall } from '@zen/contracts';
import { pause } from '@zen/pause';
import { RpcError } from '@zen/rpc';
import { ZenError } from './zen-error';

/** Of an answer: one `started` first, then pieces and calls of tools, then one `finished`. */
export type AnswerEvent =
  | { type: 'started'; started: AnswerStarted }
  | { type: 'piece'; piece: AnswerPiece }
  | { type: 'toolCall'; toolCall: ToolCall }
  | { type: 'finished'; finished: AnswerFinished };

type WireEvent =
  | { $case: 'started'; value: AnswerStarted }
  | { $case: 'piece'; value: AnswerPiece }
  | { $case: 'toolCall'; value: ToolCall }
  | { $case: 'finished'; value: AnswerFinished };

export interface ResumeOptions {
  /** Times in a row that an answer may break off without a piece between them. */
  maxBreaks: number;
  /** Milliseconds before the first attempt to go on; doubles each time. */
  backoffMs: number;
  signal: AbortSignal | undefined;
}

/**
 * One answer from as many streams as it takes: where one breaks off with UNAVAILABLE, the next goes on after the last
 * piece, by its token. `open` with an empty token begins.
 */
export async function* resumed(
  open: (resumeToken: string) => AsyncIterable<{ event?: WireEvent | undefined }>,
  { maxBreaks, backoffMs, signal }: ResumeOptions,
): AsyncGenerator<AnswerEvent> {
  let token = '';
  let begun = false;
  let breaks = 0;
  for (;;) {
    // Of a piece that is still to come: only its token says that they are not to come again.
    const calls: ToolCall[] = [];
    try {
      for await (const { event } of open(token)) {
        switch (event?.$case) {
          case 'started':
            if (!begun) yield { type: 'started', started: event.value };
            begun = true;
            break;
          case 'piece':
            token = event.value.resumeToken;
            breaks = 0;
            for (const toolCall of calls.splice(0)) yield { type: 'toolCall', toolCall };
            yield { type: 'piece', piece: event.value };
            break;
          case 'toolCall':
            calls.push(event.value);
            break;
          case 'finished':
            yield { type: 'finished', finished: event.value };
            return;
        }
      }
      throw new RpcError('UNAVAILABLE', 'the answer broke off without an end');
    } catch (error) {
      const known = RpcError.from(error);
      // A gateway that shuts down gives a better token than those of the pieces: nothing has to be computed again.
      if (begun && known.code === 'UNAVAILABLE') token = known.metadata['x-zen-resume-token'] ?? token;
      if (known.code !== 'UNAVAILABLE' || token === '' || ++breaks > maxBreaks || signal?.aborted) {
        throw ZenError.from(known, token === '' ? null : token);
      }
      await pause(backoffMs * 2 ** (breaks - 1), signal);
    }
  }
}
