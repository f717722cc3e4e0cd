import { Backoff, pause } from '@zen/pause';
import type { SpeechEngine, VoiceInfo } from '@zen/speech';
import { TalkerError } from '../talker-error';

/** Where an engine comes from. */
export interface EngineSource {
  /** The voices that it will have. */
  readonly voices: readonly string[];
  /** Fetches what it needs, then opens it; called again after a failure. */
  open(signal: AbortSignal): Promise<SpeechEngine>;
}

export interface VoicesEvents {
  opened(voices: readonly VoiceInfo[], elapsedMs: number): void;
  /** It is tried again. */
  failed(voices: readonly string[], error: unknown): void;
}

export interface Voice {
  info: VoiceInfo;
  engine: SpeechEngine;
}

const FIRST_RETRY_MS = 1000;
const MOST_RETRY_MS = 60_000;

/** The voices of this talker: each engine is opened by itself, and tried again until it is there. */
export class Voices {
  private readonly here = new Map<string, Voice>();
  private readonly coming: Set<string>;
  private readonly engines: SpeechEngine[] = [];

  constructor(
    private readonly sources: readonly EngineSource[],
    readonly defaultVoice: string,
    private readonly events: VoicesEvents,
  ) {
    this.coming = new Set(sources.flatMap(({ voices }) => voices));
    if (!this.coming.has(defaultVoice)) {
      throw new TalkerError('unknown-voice', `ZEN_TALKER_VOICE: ${defaultVoice} is not among the voices`);
    }
  }

  /** Whether the default is here. */
  get ready(): boolean {
    return this.here.has(this.defaultVoice);
  }

  /** What is here, in the order of the settings. */
  get infos(): VoiceInfo[] {
    return [...this.coming].flatMap((name) => this.here.get(name)?.info ?? []);
  }

  /** Empty stands for the default. */
  require(asked: string): Voice {
    const name = asked === '' ? this.defaultVoice : asked;
    const voice = this.here.get(name);
    if (voice) return voice;
    if (this.coming.has(name)) throw new TalkerError('not-ready', `voice: ${name} is not here yet`);
    throw new TalkerError('unknown-voice', `voice: ${name} is not known, ${[...this.coming].join(', ')} are`);
  }

  /** Opens all of them; resolves when all are there or the signal ends it. */
  async open(signal: AbortSignal): Promise<void> {
    await Promise.all(this.sources.map((source) => this.openOne(source, signal)));
  }

  /** After the last call has ended. */
  async close(): Promise<void> {
    this.here.clear();
    await Promise.all(this.engines.splice(0).map((engine) => engine.close()));
  }

  private async openOne(source: EngineSource, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(FIRST_RETRY_MS, MOST_RETRY_MS, Math.random);
    while (!signal.aborted) {
      const began = performance.now();
      try {
        const engine = await source.open(signal);
        this.engines.push(engine);
        const infos = engine.voices.filter(({ name }) => source.voices.includes(name));
        for (const info of infos) this.here.set(info.name, { info, engine });
        this.events.opened(infos, performance.now() - began);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.events.failed(source.voices, error);
        await pause(backoff.next(), signal);
      }
    }
  }
}
