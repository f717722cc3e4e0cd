import type { SpokenClause, VoiceInfo } from '@zen/speech';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@zen/telemetry';
import type { Outcome } from './outcome';
import type { Entry } from './speaking/clause-ledger';
import type { Places } from './speaking/places';

const SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5, 10];
const LEAD_SECONDS = [-5, -1, -0.5, -0.1, 0, 0.1, 0.5, 1, 2, 5, 10, 30];
const FACTORS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2];
/** Weight of the newest clause in the smoothed factor. */
const NEWEST = 0.2;

/** Everything that the talker counts. Labels come from closed sets: voices, outcomes, methods. */
export class TalkerMetrics {
  readonly registry = new Registry();
  /** Seconds of work per second of audio, smoothed; 0 before the first. */
  realTimeFactor = 0;
  private readonly rpcs = this.counter('rpcs_total', 'RPCs by method and outcome', ['method', 'code']);
  private readonly calls = this.counter('calls_total', 'Speak calls by outcome', ['outcome']);
  private readonly clauses = this.counter('clauses_total', 'Clauses and parts of them that were made', [
    'voice',
  ]);
  private readonly audio = this.counter('audio_seconds_total', 'Audio that was made', ['voice']);
  private readonly work = this.counter('compute_seconds_total', 'Work that went into it', ['voice']);
  private readonly queue = this.histogram('queue_seconds', 'From a call to its admission', [], SECONDS);
  private readonly first = this.histogram(
    'first_audio_seconds',
    'From the text that makes the first clause whole to its audio',
    ['voice'],
    SECONDS,
  );
  private readonly clause = this.histogram(
    'clause_seconds',
    'From the text that makes a clause whole, or the client that takes it, to its audio',
    ['voice'],
    SECONDS,
  );
  private readonly factor = this.histogram(
    'real_time_factor',
    'Work per audio of a clause',
    ['voice'],
    FACTORS,
  );
  private readonly lead = this.histogram(
    'lead_seconds',
    'Audio that a listener has left when a further clause is there; below 0 for a gap',
    ['voice'],
    LEAD_SECONDS,
  );
  private readonly underrun = this.counter(
    'underrun_seconds_total',
    'Gaps that a listener hears, by who was late: the text or the voice',
    ['cause'],
  );

  constructor(
    places: Places,
    private readonly nowUs: () => number,
  ) {
    collectDefaultMetrics({ register: this.registry });
    this.gauge('speaking', 'Texts that are spoken now', () => places.speaking);
    this.gauge('waiting', 'Calls that wait for a place', () => places.waiting);
    this.gauge('smoothed_real_time_factor', 'Work per audio of late', () => this.realTimeFactor);
    for (const cause of ['text', 'voice']) this.underrun.inc({ cause }, 0);
  }

  rpc(method: string, code: string): void {
    this.rpcs.inc({ method, code });
  }

  admitted(queueUs: number): void {
    this.queue.observe(queueUs / 1e6);
  }

  ended(outcome: Outcome): void {
    this.calls.inc({ outcome });
  }

  /** Follows one call's audio as somebody hears it who plays what comes at once. */
  listen({ name: voice, sampleRate }: VoiceInfo): { made(entry: Entry, part: Made): void } {
    // When the listener will have heard all that was made so far.
    let heardUs: number | undefined;
    return {
      made: ({ samples, firstSample }, { computeUs, synthesisUs, wholeUs }) => {
        const nowUs = this.nowUs();
        const audioUs = (1e6 * samples) / sampleRate;
        this.clauses.inc({ voice });
        this.audio.inc({ voice }, audioUs / 1e6);
        this.work.inc({ voice }, computeUs / 1e6);
        this.clause.observe({ voice }, synthesisUs / 1e6);
        if (firstSample === 0) this.first.observe({ voice }, synthesisUs / 1e6);
        if (audioUs > 0) this.worked(voice, computeUs / audioUs);
        if (heardUs !== undefined) {
          const leadUs = heardUs - nowUs;
          this.lead.observe({ voice }, leadUs / 1e6);
          if (leadUs < 0) this.underrun.inc({ cause: wholeUs > heardUs ? 'text' : 'voice' }, -leadUs / 1e6);
        }
        heardUs = Math.max(heardUs ?? nowUs, nowUs) + audioUs;
      },
    };
  }

  private worked(voice: string, factor: number): void {
    this.factor.observe({ voice }, factor);
    const { realTimeFactor: old } = this;
    this.realTimeFactor = old === 0 ? factor : old + NEWEST * (factor - old);
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_talker_${name}`, help, labelNames, registers: [this.registry] });
  }

  private histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram {
    return new Histogram({
      name: `zen_talker_${name}`,
      help,
      labelNames,
      buckets,
      registers: [this.registry],
    });
  }

  private gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `zen_talker_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}

/** What is known of a part when it is there. */
export type Made = Pick<SpokenClause, 'computeUs'> & { synthesisUs: number; wholeUs: number };
