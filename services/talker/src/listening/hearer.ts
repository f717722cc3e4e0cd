import { type AudioDecoder, AudioError, openDecoder, type Pieces } from '@zen/audio';
import type { ListenRequest, ListenResponse } from '@zen/contracts';
import { type Heard, HearingError, LISTEN_RATE, Listener } from '@zen/hearing';
import type { CallContext } from '@zen/rpc';
import type { Logger } from '@zen/telemetry';
import { type Outcome, outcomeOf } from '../outcome';
import { invalid, TalkerError } from '../talker-error';
import type { Ears } from './ears';
import type { ListenMetrics } from './listen-metrics';
import { type ReadListenStart, readListenStart, readTurns } from './read-listen-start';
import { toResponse } from './to-response';
import { Told } from './told';

const MAX_PORTION = 2 ** 20;
const MAX_TAG_BYTES = 256;

export interface HearerParts {
  ears: Ears;
  metrics: ListenMetrics;
  logger: Logger;
  /** Aborted once nothing new is taken. */
  stopping: AbortSignal;
}

/** Listens to speakers, side by side. */
export class Hearer {
  constructor(
    private readonly parts: HearerParts,
    private readonly limits: { listenSeconds: number },
  ) {}

  /** A call from its first message to its last transcript. */
  async *listen(
    requests: AsyncIterable<ListenRequest>,
    { signal }: Pick<CallContext, 'signal'>,
  ): AsyncGenerator<ListenResponse> {
    const { ears, metrics, logger } = this.parts;
    const told = new Told<Heard>();
    let outcome: Outcome = 'failed';
    let leave = () => {};
    let listener: Listener | undefined;
    let decoder: AudioDecoder | undefined;
    let about: { requestId?: string } = {};
    const aborted = () => {
      listener?.close();
      told.end(signal.reason);
      leave();
    };
    try {
      const messages = requests[Symbol.asyncIterator]();
      const start = await this.first(messages);
      about = { requestId: start.requestId };
      const { silero, transcriber } = ears.require();
      leave = ears.take();
      decoder = openDecoder(start.format, LISTEN_RATE, { maxSeconds: this.limits.listenSeconds });
      listener = new Listener(
        {
          vad: silero.stream(),
          transcriber,
          nowMs: () => performance.now(),
          tell: (heard) => told.tell(heard),
          dropped: () => metrics.dropped(),
          finished: (ms) => metrics.finished(ms),
        },
        start.settings,
      );
      signal.addEventListener('abort', aborted, { once: true });
      this.take(messages, decoder, listener, told).then(
        () => told.end(),
        (error) => told.end(error),
      );
      for await (const heard of told.all()) {
        if (heard.kind === 'transcript') metrics.told(heard.final ? 'final' : 'partial', heard.computeUs);
        yield toResponse(heard);
      }
      outcome = 'ok';
    } catch (error) {
      const reason = signal.aborted ? signal.reason : translated(error);
      outcome = outcomeOf(reason);
      throw reason;
    } finally {
      if (outcome === 'failed' && signal.aborted) outcome = outcomeOf(signal.reason);
      signal.removeEventListener('abort', aborted);
      listener?.close();
      told.end();
      decoder?.close();
      leave();
      metrics.ended(outcome);
      logger.info({ ...about, outcome }, 'listened');
    }
  }

  private async first(messages: AsyncIterator<ListenRequest>): Promise<ReadListenStart> {
    const { value, done } = await messages.next();
    const { message } = done ? {} : (value as ListenRequest);
    if (message?.$case !== 'start') throw invalid('start', 'must be the first message');
    if (this.parts.stopping.aborted) throw new TalkerError('draining', 'the talker is shutting down');
    return readListenStart(message.value, this.parts.ears.require().transcriber.languages);
  }

  /** All that the client sends; no more of it is read than is worked on. */
  private async take(
    messages: AsyncIterator<ListenRequest>,
    decoder: AudioDecoder,
    listener: Listener,
    told: Told<Heard>,
  ): Promise<void> {
    const hear = async (pieces: Pieces) => {
      for (const piece of pieces) {
        this.parts.metrics.heard(piece.length / LISTEN_RATE);
        await listener.push(piece);
        if (told.isOver) return;
      }
    };
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      const { message } = next.value;
      await told.room();
      if (told.isOver) return;
      switch (message?.$case) {
        case 'audio':
          if (message.value.length > MAX_PORTION) {
            throw invalid('audio', `${message.value.length} bytes in one portion, limit ${MAX_PORTION}`);
          }
          await hear(decoder.push(message.value));
          break;
        case 'commit': {
          const { tag } = message.value;
          const bytes = Buffer.byteLength(tag);
          if (bytes > MAX_TAG_BYTES) throw invalid('commit.tag', `${bytes} bytes, limit ${MAX_TAG_BYTES}`);
          listener.commit(tag);
          break;
        }
        case 'clear':
          listener.clear();
          break;
        case 'turnDetection': {
          const { turnDetection } = message.value;
          listener.changeTurns(turnDetection ? readTurns(turnDetection) : null);
          break;
        }
        default:
          throw invalid('message', 'start must be the first message only, and each must hold something');
      }
    }
    await hear(decoder.end());
    await listener.end();
  }
}

function translated(error: unknown): unknown {
  if (error instanceof AudioError) return invalid('audio', error.message);
  if (!(error instanceof HearingError)) return error;
  switch (error.failure) {
    case 'bad-option':
    case 'bad-audio':
      return new TalkerError('invalid', error.message);
    case 'busy':
      return new TalkerError('full', error.message);
    case 'closed':
    case 'cancelled':
      return new TalkerError('draining', 'the transcriber is closed');
    default:
      return error;
  }
}
