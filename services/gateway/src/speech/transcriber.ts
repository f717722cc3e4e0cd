import { AudioEncoding, type ListenStart, type Transcript } from '@zen/contracts';
import { RpcError } from '@zen/rpc';
import type { Visit } from '../door/visit';
import { findPlace } from './find-place';
import { goesOn, MOST_FRUITLESS, mayKill } from './goes-on';
import type { ListenRules } from './listen-anywhere';
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

/** Transcribes audio in a container at the least busy talker. */
export class Transcriber {
  constructor(
    readonly talkers: Talkers,
    private readonly rules: Pick<ListenRules, 'mostMoves' | 'mostWaitMs' | 'onMove'> & { nowMs(): number },
  ) {}

  /**
   * Transcripts as they come; final ones follow each other in time.
   * @throws GatewayError
   */
  async *transcripts(audio: Buffer, wish: TranscriptWish, visit: Visit): AsyncGenerator<Transcript> {
    this.talkers.checkListening();
    const { mostMoves, mostWaitMs, onMove, nowMs } = this.rules;
    const { signal, requestId } = visit;
    const pick = (shunned: ReadonlySet<string>) => this.talkers.listening(wish.model, shunned);
    const shunned = new Map<string, number>();
    let sinceMs = nowMs();
    let last: RpcError | undefined;
    let from = '';
    let fruitless = 0;
    for (let moves = 0; ; moves++) {
      const search = { pick, shunned, sinceMs, mostWaitMs, last, signal, nowMs };
      const place = await findPlace(search).catch((error) => {
        throw visit.explained(speechFailure(error, signal));
      });
      const to = place.address;
      if (last) onMove(requestId, { from, to, reason: last.message, againMs: 0, tookMs: nowMs() - sinceMs });
      let failure: RpcError | null = null;
      let said = false;
      try {
        for await (const { event } of listenTo(place.client, startOf(wish, visit), audio, signal)) {
          if (event?.$case !== 'transcript') continue;
          said = true;
          yield event.value;
        }
        return;
      } catch (error) {
        failure = RpcError.from(error);
        if (mayKill(failure)) fruitless += 1;
        const isHopeless = fruitless >= MOST_FRUITLESS || moves >= mostMoves;
        if (said || isHopeless || !goesOn(failure) || signal.aborted) {
          throw visit.explained(speechFailure(error, signal, wish.field));
        }
      } finally {
        place.ended(signal.aborted ? null : failure);
      }
      last = failure;
      from = to;
      sinceMs = nowMs();
      shunned.set(from, sinceMs);
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
