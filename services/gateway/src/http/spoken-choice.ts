import type { Answer, AnswerCall, AnswerEnd } from '../answer/answer';
import { GatewayError } from '../gateway-error';
import type { AnswerHead, ChunkWriter, FinishedChoice } from '../openai/answer-format';
import type { SpokenAnswer } from '../speech/chat-speech';
import type { SseWriter } from './sse-writer';

/** Longest audio that is answered in one piece, bytes; longer answers are for streams. */
const MOST_AUDIO_BYTES = 64 * 2 ** 20;

/** A choice of which the audio is made while its text is written, answered as a whole. */
export async function collectSpoken(
  answer: Answer,
  spoken: SpokenAnswer,
  created: number,
): Promise<FinishedChoice> {
  let text = '';
  const calls: AnswerCall[] = [];
  const [end, data] = await Promise.all([
    written(answer, spoken, (piece, more) => {
      text += piece;
      calls.push(...more);
    }),
    allBytes(spoken),
  ]);
  const audio = { id: spoken.id, data: data.toString('base64'), transcript: text, expires_at: created };
  return { text, calls, logprobs: null, end, audio };
}

/** The same as a stream: text and audio as they come, then the end of both. */
export async function streamSpoken(
  answer: Answer,
  spoken: SpokenAnswer,
  head: AnswerHead,
  chunks: ChunkWriter,
  writer: SseWriter,
): Promise<AnswerEnd> {
  const opening = chunks.opening(0, true);
  if (opening !== null) writer.send(opening);
  const chunk = (audio: object) => audioChunk(head, { id: spoken.id, ...audio });
  const sendAudio = async () => {
    for await (const bytes of spoken.bytes()) {
      const behind = writer.send(chunk({ data: Buffer.from(bytes).toString('base64') }));
      if (behind) await behind;
    }
  };
  const [end] = await Promise.all([
    written(answer, spoken, (text, calls) => {
      const events = text === '' ? [] : [chunk({ transcript: text })];
      return writer.send(...events, ...calls.flatMap((call) => chunks.call(0, call)));
    }),
    sendAudio(),
  ]);
  writer.send(chunk({ expires_at: head.created }), chunks.finish(0, end));
  return end;
}

async function written(
  answer: Answer,
  spoken: SpokenAnswer,
  onPiece: (text: string, calls: AnswerCall[]) => Promise<void> | undefined | void,
): Promise<AnswerEnd> {
  try {
    for await (const event of answer.events) {
      if (event.kind === 'end') {
        spoken.end();
        return event;
      }
      const { text, calls = [] } = event;
      spoken.push(event);
      if (text !== '' || calls.length > 0) await onPiece(text, calls);
    }
    throw new GatewayError('internal', 'the answer has no end');
  } catch (error) {
    spoken.cancel();
    throw error;
  }
}

async function allBytes(spoken: SpokenAnswer): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of spoken.bytes()) {
    bytes += piece.length;
    if (bytes > MOST_AUDIO_BYTES) {
      const message = `the spoken answer has more than ${MOST_AUDIO_BYTES} bytes: ask for a stream`;
      throw new GatewayError('invalid_request', message, { param: 'stream' });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function audioChunk({ id, created, model }: AnswerHead, audio: object): string {
  const choices = [{ index: 0, delta: { audio }, logprobs: null, finish_reason: null }];
  return JSON.stringify({ id, object: 'chat.completion.chunk', created, model, choices });
}
