import { randomUUID } from 'node:crypto';
import { encodeAudio, type OutputFormat } from '@zen/audio';
import type { Priority } from '@zen/contracts';
import type { AnswerPiece } from '../answer/answer';
import type { AnswerSpec, Visit } from '../door/visit';
import type { Fleet } from '../fleet/fleet';
import { GatewayError } from '../gateway-error';
import type { ChatAudioFormat } from './chat-audio.schema';
import { promptTokens } from './prompt-tokens';
import { SaidAnswer } from './said-answer';
import type { SpeakAnywhere } from './speak-anywhere';
import type { SpeechDesk } from './speech-desk';
import { speechFailure } from './speech-failure';
import { voiceHeaders } from './speech-handler';
import type { SpeechMetrics } from './speech-metrics';
import { audioTokens } from './speech-usage';
import { audioOf, SPEECH_RATE, type SpokenAudio } from './spoken-audio';

export interface Voicing {
  voice: string;
  format: ChatAudioFormat;
  full: boolean;
  priority: Priority;
}

const ENCODINGS: Record<ChatAudioFormat, OutputFormat> = {
  pcm16: 'pcm',
  wav: 'wav',
  mp3: 'mp3',
  opus: 'opus',
};

/** Speaks answers while their text is being written. */
export class ChatSpeech {
  constructor(
    private readonly desk: SpeechDesk,
    private readonly metrics: SpeechMetrics,
    private readonly fleet: Pick<Fleet, 'group' | 'sleeperOf'>,
  ) {}

  /** @throws GatewayError for a voice that nobody has, before anything is computed */
  check({ voice }: Voicing): void {
    try {
      this.desk.talkers.voice(voice);
    } catch (error) {
      throw named(GatewayError.from(error));
    }
  }

  /** Resolves once a talker has taken it. `spec`: of the answer, which has begun. */
  async open(
    voicing: Voicing,
    spec: Pick<AnswerSpec, 'model' | 'prompt'>,
    visit: Visit,
  ): Promise<SpokenAnswer> {
    const over = new AbortController();
    const signal = AbortSignal.any([visit.signal, over.signal]);
    try {
      const { takesTokenIds } = this.desk.talkers.voice(voicing.voice);
      const begun = Promise.resolve();
      const prompt = takesTokenIds ? promptTokens(this.fleet, spec, begun, signal) : undefined;
      const speech = this.desk.open({ ...voicing, speed: 1, prompt }, visit, signal);
      const audio = await audioOf(speech.events(), this.metrics.utterance().heard);
      return new SpokenAnswer(speech, new SaidAnswer(takesTokenIds), audio, voicing.format, visit, over);
    } catch (error) {
      over.abort();
      throw visit.explained(named(speechFailure(error, visit.signal)));
    }
  }
}

/** One answer that is being spoken. */
export class SpokenAnswer {
  readonly id = `audio_${randomUUID()}`;
  readonly headers: Record<string, string>;

  constructor(
    private readonly speech: SpeakAnywhere,
    private readonly said: SaidAnswer,
    private readonly audio: SpokenAudio,
    private readonly format: ChatAudioFormat,
    private readonly visit: Visit,
    private readonly over: AbortController,
  ) {
    this.headers = voiceHeaders(audio.start);
  }

  push(piece: AnswerPiece): void {
    const input = this.said.push(piece);
    if (input.length > 0) this.speech.push(input);
  }

  end(): void {
    this.speech.end();
  }

  /** Encoded as it is made; read once. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    const signal = AbortSignal.any([this.visit.signal, this.over.signal]);
    let samples = 0;
    const { pieces } = this.audio;
    async function* counted(): AsyncGenerator<Float32Array> {
      for await (const piece of pieces) {
        samples += piece.length;
        yield piece;
      }
    }
    try {
      yield* await encodeAudio(ENCODINGS[this.format], SPEECH_RATE, counted(), signal);
    } catch (error) {
      throw this.visit.explained(speechFailure(error, this.visit.signal));
    } finally {
      this.visit.count(0, audioTokens(samples));
    }
  }

  /** Nothing more of it is wanted; may be called after its end. */
  cancel(): void {
    this.over.abort();
  }
}

/** The field as a chat has it. */
function named(error: GatewayError): GatewayError {
  const { param, failure, message } = error;
  if (param !== 'voice' && param !== 'response_format') return error;
  const field = param === 'voice' ? 'audio.voice' : 'audio.format';
  return new GatewayError(failure, message.replace(/^voice/, field), { param: field, cause: error });
}
