import type { Voicing } from '@zen/realtime';
import type { Logger } from '@zen/telemetry';
import type { AnswerPiece } from '../../answer/answer';
import { SaidAnswer } from '../../speech/said-answer';
import type { SpeakAnywhere } from '../../speech/speak-anywhere';
import { qualityName } from '../../speech/voice-quality';
import type { Teller } from './pipeline-parts';
import { SpokenEncoder } from './spoken-encoder';

export interface UtteranceOptions {
  requestId: string;
  responseId: string;
  voicing: Voicing;
  /** Its voice reads the answer's tokens, not its text. */
  takesTokens: boolean;
  logger: Logger;
}

/** What is said of one answer while it is written. */
export class Utterance {
  /** Rejects where it could not be spoken to its end. */
  readonly spoken: Promise<void>;
  private readonly dropped = new AbortController();
  private readonly speech: SpeakAnywhere;
  private readonly said: SaidAnswer;
  private isEmpty = true;

  /** `open`: at some talker, until the signal. */
  constructor(
    private readonly options: UtteranceOptions,
    open: (signal: AbortSignal) => SpeakAnywhere,
    signal: AbortSignal,
    private readonly tell: Teller,
  ) {
    this.said = new SaidAnswer(options.takesTokens);
    this.speech = open(AbortSignal.any([signal, this.dropped.signal]));
    this.spoken = this.speak().catch((error: unknown) => {
      if (!this.dropped.signal.aborted) throw error;
    });
    // Whoever waits for it hears of it.
    this.spoken.catch(() => {});
  }

  push(piece: AnswerPiece): void {
    const input = this.said.push(piece);
    if (input.length === 0) return;
    this.isEmpty = false;
    this.speech.push(input);
  }

  end(): void {
    if (this.isEmpty) this.dropped.abort();
    else this.speech.end();
  }

  private async speak(): Promise<void> {
    const { responseId, voicing } = this.options;
    let encoder: SpokenEncoder | undefined;
    const audio = async (base64: string, durationMs: number) => {
      if (base64 !== '') await this.tell({ t: 'audio', responseId, audio: base64, durationMs });
    };
    for await (const event of this.speech.events()) {
      switch (event.kind) {
        case 'start': {
          encoder = new SpokenEncoder(voicing.codec, event.sampleRate);
          await this.tell({ t: 'speaking', responseId, quality: qualityName(event.quality) });
          break;
        }
        case 'clause': {
          if (!encoder) break;
          const { firstSample, samples } = event;
          const [textStart, textEnd] = [this.said.textAt(event.textStart), this.said.textAt(event.textEnd)];
          const startMs = encoder.ms(firstSample);
          const endMs = encoder.ms(firstSample + samples);
          await this.tell({ t: 'clause', responseId, textStart, textEnd, startMs, endMs });
          break;
        }
        case 'frame':
          if (encoder) await audio(encoder.push(event.pcm), encoder.ms(event.pcm.length / 2));
          break;
        case 'move': {
          const { requestId, logger } = this.options;
          logger.warn({ requestId, ...event }, 'speech goes on elsewhere');
          break;
        }
        case 'end':
          if (encoder) await audio(encoder.end(), 0);
          await this.tell({ t: 'speech-ended', responseId });
      }
    }
  }
}
