import {
  AudioEncoding,
  Eagerness,
  type ListenResponse,
  ListenStart,
  TurnDetection as ProtoDetection,
} from '@zen/contracts';
import { durationMs, type Listening as How, SAMPLE_RATE, type TurnDetection } from '@zen/realtime';
import { GatewayError } from '../../gateway-error';
import { ListenAnywhere } from '../../speech/listen-anywhere';
import { realtimeFailure } from './failure';
import type { PipelineParts, Teller } from './pipeline-parts';

const ENCODINGS = {
  pcm: AudioEncoding.AUDIO_ENCODING_PCM_S16LE,
  pcmu: AudioEncoding.AUDIO_ENCODING_MULAW,
  pcma: AudioEncoding.AUDIO_ENCODING_ALAW,
};

const EAGERNESS = {
  low: Eagerness.EAGERNESS_LOW,
  medium: Eagerness.EAGERNESS_MEDIUM,
  high: Eagerness.EAGERNESS_HIGH,
  auto: Eagerness.EAGERNESS_UNSPECIFIED,
};

export interface ListeningOptions {
  /** The session's number of this call. */
  call: number;
  /** Of one item that is transcribed; empty for the session's ear. */
  tag: string;
  how: How;
  requestId: string;
  tenant: string;
}

/** Listens for a session, at whichever talker there is. */
export class Listening {
  /** Called once nothing more comes of it. */
  onOver = () => {};
  private readonly ear: ListenAnywhere;

  /** @throws GatewayError where nobody listens */
  constructor(
    { talkers, listening, now: nowMs }: Pick<PipelineParts, 'talkers' | 'listening' | 'now'>,
    private readonly options: ListeningOptions,
    private readonly tell: Teller,
  ) {
    talkers.checkListening();
    const first = talkers.listening('');
    if (!first) throw new GatewayError('unavailable', 'no talker listens now', { retryAfterS: 1 });
    const { how, requestId, tenant, tag } = options;
    const { codec, language, prompt } = how;
    const start = ListenStart.fromPartial({
      requestId,
      tenant,
      format: { encoding: ENCODINGS[codec], sampleRate: SAMPLE_RATE[codec], channels: 1 },
      language,
      prompt,
      turnDetection: detectionOf(how.turnDetection),
      partials: tag === '',
    });
    this.ear = new ListenAnywhere({
      ...listening,
      start,
      bytesPerMs: Math.round(1 / durationMs(1, codec)),
      first,
      pick: (shunned) => talkers.listening('', shunned),
      nowMs,
      heard: (event) => this.heard(event),
      failed: (error) => {
        this.onOver();
        const failure = realtimeFailure(error);
        void this.tell({ t: 'listen-failed', call: options.call, tag, failure });
      },
    });
  }

  /** False where the talker is behind: `drained` says when more may come. */
  hear(base64: string): boolean {
    return this.ear.hear(Buffer.from(base64, 'base64'));
  }

  drained(): Promise<void> {
    return this.ear.drained();
  }

  commit(tag: string): void {
    this.ear.commit(tag);
  }

  clear(): void {
    this.ear.clear();
  }

  turns(detection: TurnDetection | null): void {
    this.ear.turns(detectionOf(detection));
  }

  /** No more audio comes; what was committed is still told. */
  end(): void {
    this.ear.end();
  }

  cancel(): void {
    this.ear.cancel();
    this.onOver();
  }

  private heard(event: NonNullable<ListenResponse['event']>): void {
    const { call, tag } = this.options;
    switch (event.$case) {
      case 'speechStarted': {
        const { positionMs, utterance } = event.value;
        void this.tell({ t: 'speech-started', call, positionMs: Number(positionMs), utterance });
        break;
      }
      case 'speechStopped': {
        const { positionMs, utterance } = event.value;
        void this.tell({ t: 'speech-stopped', call, positionMs: Number(positionMs), utterance });
        break;
      }
      case 'transcript': {
        const { utterance, text, final, stableLength, startMs, endMs, tag: committed } = event.value;
        // An item's audio is one utterance, whatever its pieces.
        const of = tag === '' ? committed : tag;
        const about = { utterance, text, final, stableLength, tag: of };
        void this.tell({ t: 'transcript', call, ...about, startMs: Number(startMs), endMs: Number(endMs) });
        if (tag !== '' && final) this.cancel();
      }
    }
  }
}

function detectionOf(detection: TurnDetection | null): ProtoDetection | undefined {
  if (!detection) return undefined;
  if (detection.type === 'semantic_vad') {
    const eagerness = EAGERNESS[detection.eagerness];
    return ProtoDetection.fromPartial({ semantic: true, eagerness, prefixPaddingMs: 300 });
  }
  const { threshold, prefixPaddingMs, silenceMs } = detection;
  return ProtoDetection.fromPartial({ threshold, prefixPaddingMs, silenceMs });
}
