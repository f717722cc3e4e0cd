import { Counter, Gauge, Histogram, type Registry } from '@zen/telemetry';
import type { SpokenEvent } from './spoken-event';
import type { Talkers } from './talkers';
import { qualityName } from './voice-quality';

const SECONDS = [0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5, 10, 30];

/** What the gateway counts of speech. Labels come from closed sets: voices that talkers have, qualities, outcomes. */
export class SpeechMetrics {
  private readonly utterances: Counter;
  private readonly moves: Counter;
  private readonly spoken: Counter;
  private readonly firstAudio: Histogram;
  private readonly transcripts: Counter;
  private readonly heard: Counter;
  private readonly listenMoves: Counter;

  constructor(
    registry: Registry,
    talkers: Talkers,
    private readonly now: () => number,
  ) {
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: string[]) =>
      new Counter({ name: `zen_gateway_${name}`, help, labelNames, registers });
    this.utterances = counter('utterances_total', 'Texts that were spoken, by voice and its quality', [
      'voice',
      'quality',
    ]);
    this.moves = counter('utterance_moves_total', 'Utterances that went on at another talker', []);
    this.spoken = counter('speech_seconds_total', 'Audio that was spoken', ['voice']);
    this.transcripts = counter('transcripts_total', 'Audio that was transcribed, by outcome', ['outcome']);
    this.listenMoves = counter('listen_moves_total', 'Listening that lost its talker, by outcome', [
      'outcome',
    ]);
    this.heard = counter('transcribed_seconds_total', 'Audio that was transcribed', []);
    this.firstAudio = new Histogram({
      name: 'zen_gateway_first_audio_seconds',
      help: 'From the first text of an utterance to its first audio',
      labelNames: ['voice'],
      buckets: SECONDS,
      registers,
    });
    new Gauge({
      name: 'zen_gateway_talkers',
      help: 'Talkers by state',
      labelNames: ['state'],
      registers,
      collect() {
        const all = talkers.all();
        const up = all.filter((talker) => talker.up).length;
        this.set({ state: 'up' }, up);
        this.set({ state: 'down' }, all.length - up);
      },
    });
  }

  /** Follows one utterance from now on. */
  utterance(): { heard(event: SpokenEvent): void } {
    const beganMs = this.now();
    let voice = '';
    let rate = 1;
    let silent = true;
    return {
      heard: (event) => {
        switch (event.kind) {
          case 'start':
            voice = event.voice;
            rate = event.sampleRate;
            this.utterances.inc({ voice, quality: qualityName(event.quality) });
            return;
          case 'frame':
            if (silent) this.firstAudio.observe({ voice }, (this.now() - beganMs) / 1000);
            silent = false;
            this.spoken.inc({ voice }, event.pcm.length / 2 / rate);
            return;
          case 'move':
            this.moves.inc({});
            return;
          case 'clause':
          case 'end':
            return;
        }
      },
    };
  }

  transcribed(outcome: 'ok' | 'failed', seconds: number): void {
    this.transcripts.inc({ outcome });
    this.heard.inc({}, seconds);
  }

  /** `lost`: nobody could go on. */
  listenMoved(outcome: 'moved' | 'lost'): void {
    this.listenMoves.inc({ outcome });
  }
}
