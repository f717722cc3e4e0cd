import {
  AudioEncoding,
  Eagerness,
  type ListenRequest,
  type ListenResponse,
  ListenStart,
  TurnDetection as ProtoDetection,
} from '@zen/contracts';
import { type Listening as How, SAMPLE_RATE, type TurnDetection } from '@zen/realtime';
import type { OpenStream, RpcError } from '@zen/rpc';
import { GatewayError } from '../../gateway-error';
import { realtimeFailure } from './failure';
import type { PipelineParts, Teller } from './pipeline-parts';

/** Of one message, bytes; a talker takes 1 MiB. */
const MOST_BYTES = 65_536;

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

/** One call to a talker that listens. */
export class Listening {
  /** Called once nothing more comes of it. */
  onOver = () => {};
  private readonly stream: OpenStream<ListenRequest>;
  private over = false;

  /** @throws GatewayError where nobody listens */
  constructor(
    parts: Pick<PipelineParts, 'talkers'>,
    private readonly options: ListeningOptions,
    private readonly tell: Teller,
  ) {
    parts.talkers.checkListening();
    const place = parts.talkers.listening('');
    if (!place) throw new GatewayError('unavailable', 'no talker listens now', { retryAfterS: 1 });
    this.stream = place.client.listen({
      message: (message) => this.heard(message),
      ended: (error) => {
        // What we ended ourselves says nothing of the talker.
        place.ended(this.over ? null : error);
        this.ended(error);
        this.onOver();
      },
    });
    const { how, requestId, tenant, tag } = options;
    const start = ListenStart.fromPartial({
      requestId,
      tenant,
      format: { encoding: ENCODINGS[how.codec], sampleRate: SAMPLE_RATE[how.codec], channels: 1 },
      language: how.language,
      prompt: how.prompt,
      turnDetection: detectionOf(how.turnDetection),
      partials: tag === '',
    });
    this.stream.send({ message: { $case: 'start', value: start } });
  }

  /** False where the talker is behind: `drained` says when more may come. */
  hear(base64: string): boolean {
    const bytes = Buffer.from(base64, 'base64');
    let flowing = true;
    for (let at = 0; at < bytes.length; at += MOST_BYTES) {
      const value = bytes.subarray(at, at + MOST_BYTES);
      flowing = this.stream.send({ message: { $case: 'audio', value } });
    }
    return flowing;
  }

  drained(): Promise<void> {
    return this.stream.drained();
  }

  commit(tag: string): void {
    this.stream.send({ message: { $case: 'commit', value: { tag } } });
  }

  clear(): void {
    this.stream.send({ message: { $case: 'clear', value: {} } });
  }

  turns(detection: TurnDetection | null): void {
    const value = { turnDetection: detectionOf(detection) };
    this.stream.send({ message: { $case: 'turnDetection', value } });
  }

  /** No more audio comes; what was committed is still told. */
  end(): void {
    this.stream.end();
  }

  cancel(): void {
    this.over = true;
    this.stream.cancel();
  }

  private heard({ event }: ListenResponse): void {
    if (this.over) return;
    const { call, tag } = this.options;
    switch (event?.$case) {
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

  private ended(error: RpcError | null): void {
    if (this.over) return;
    this.over = true;
    const { call, tag } = this.options;
    const why =
      error ?? new GatewayError('unavailable', 'the talker ended its listening', { retryAfterS: 1 });
    void this.tell({ t: 'listen-failed', call, tag, failure: realtimeFailure(why) });
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
