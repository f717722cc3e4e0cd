import type { DescribeTalkerResponse } from '@zen/contracts';
import type { TalkerConfig } from './config';
import type { Listening } from './listening/listening';
import type { Places } from './speaking/places';
import type { Voices } from './speaking/voices';
import type { TalkerMetrics } from './talker-metrics';

/** What this talker can do and how busy it is. */
export class Desk {
  private readonly leaving = new AbortController();
  /** Aborted once it goes. */
  readonly draining: AbortSignal = this.leaving.signal;

  constructor(
    private readonly config: TalkerConfig,
    private readonly voices: Voices,
    private readonly places: Places,
    private readonly metrics: TalkerMetrics,
    private readonly listening: Listening,
  ) {}

  drain(): void {
    this.leaving.abort();
  }

  describe(): DescribeTalkerResponse {
    const { transcriber, maxListening, listening } = this.listening;
    return {
      voices: this.voices.infos,
      defaultVoice: this.voices.defaultVoice,
      transcriber,
      maxSpeaking: this.config.maxSpeaking,
      speaking: this.places.speaking,
      waiting: this.places.waiting,
      maxListening,
      listening,
      realTimeFactor: this.metrics.realTimeFactor,
      draining: this.draining.aborted,
    };
  }
}
