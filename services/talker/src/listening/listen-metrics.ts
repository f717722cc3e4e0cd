import { Counter, Gauge, Histogram, type Registry } from '@zen/telemetry';
import type { Outcome } from '../outcome';
import type { Listening } from './listening';

const SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5, 10];

/** What listening counts. Labels come from closed sets. */
export class ListenMetrics {
  private readonly calls: Counter;
  private readonly audio: Counter;
  private readonly work: Counter;
  private readonly transcripts: Counter;
  private readonly droppedPartials: Counter;
  private readonly final: Histogram;

  constructor(registry: Registry, ears: Listening) {
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name: `zen_talker_${name}`, help, labelNames, registers });
    this.calls = counter('listen_calls_total', 'Listen calls by outcome', ['outcome']);
    this.audio = counter('heard_seconds_total', 'Audio that was listened to');
    this.work = counter('listen_compute_seconds_total', 'Work that went into transcripts');
    this.transcripts = counter('transcripts_total', 'Transcripts that were told', ['kind']);
    this.droppedPartials = counter('partials_dropped_total', 'Partial transcripts that others went before');
    this.final = new Histogram({
      name: 'zen_talker_final_transcript_seconds',
      help: 'From the end of an utterance to its final transcript',
      buckets: SECONDS,
      registers,
    });
    new Gauge({
      name: 'zen_talker_listening',
      help: 'Speakers that are listened to now',
      registers,
      collect() {
        this.set(ears.listening);
      },
    });
  }

  ended(outcome: Outcome): void {
    this.calls.inc({ outcome });
  }

  heard(seconds: number): void {
    this.audio.inc(seconds);
  }

  told(kind: 'partial' | 'final', computeUs: number): void {
    this.transcripts.inc({ kind });
    if (kind === 'final') this.work.inc(computeUs / 1e6);
  }

  dropped(): void {
    this.droppedPartials.inc();
  }

  finished(ms: number): void {
    this.final.observe(ms / 1000);
  }
}
