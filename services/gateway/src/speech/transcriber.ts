import { AudioEncoding, type ListenStart, type Transcript } from '@zen/contracts';
import { RpcError } from '@zen/rpc';
import type { Visit } from '../door/visit';
import { listenTo } from './listen-call';
import { speechFailure } from './speech-failure';
import type { Talkers } from './talkers';

/** What is wanted of audio that is all there. */
export interface TranscriptWish {
  /** '' for any that a talker has. */
  model: string;
  language: string;
  prompt: string;
  translate: boolean;
  temperature: number;
  wordTimes: boolean;
  segmentTimes: boolean;
  partials: boolean;
  /** The field that the audio came in. */
  field: string;
}

/** Tries another talker so often where one fails before it has said anything. */
const MOST_TRIES = 3;

/** Transcribes audio in a container at the least busy talker. */
export class Transcriber {
  constructor(readonly talkers: Talkers) {}

  /**
   * Transcripts as they come; final ones follow each other in time.
   * @throws GatewayError
   */
  async *transcripts(audio: Buffer, wish: TranscriptWish, visit: Visit): AsyncGenerator<Transcript> {
    this.talkers.checkListening();
    const shunned = new Set<string>();
    for (let tries = 1; ; tries++) {
      const place = this.talkers.listening(wish.model, shunned) ?? this.talkers.listening(wish.model);
      if (!place)
        throw speechFailure(new RpcError('UNAVAILABLE', 'no talker can be asked now'), visit.signal);
      let failure: RpcError | null = null;
      let said = false;
      try {
        for await (const { event } of listenTo(place.client, startOf(wish, visit), audio, visit.signal)) {
          if (event?.$case !== 'transcript') continue;
          said = true;
          yield event.value;
        }
        return;
      } catch (error) {
        failure = RpcError.from(error);
        const again = failure.code === 'UNAVAILABLE' || failure.code === 'RESOURCE_EXHAUSTED';
        if (said || !again || tries === MOST_TRIES || visit.signal.aborted) {
          throw visit.explained(speechFailure(error, visit.signal, wish.field));
        }
        shunned.add(place.address);
      } finally {
        place.ended(visit.signal.aborted ? null : failure);
      }
    }
  }
}

function startOf(wish: TranscriptWish, visit: Visit): ListenStart {
  return {
    requestId: visit.requestId,
    format: { encoding: AudioEncoding.AUDIO_ENCODING_CONTAINER, sampleRate: 0, channels: 0 },
    language: wish.language,
    prompt: wish.prompt,
    turnDetection: undefined,
    partials: wish.partials,
    tenant: visit.tenant.name,
    wordTimes: wish.wordTimes,
    segmentTimes: wish.segmentTimes,
    translate: wish.translate,
    temperature: wish.temperature,
  };
}
