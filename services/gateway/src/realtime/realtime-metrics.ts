import type { Hops } from '@zen/realtime';
import { Counter, Gauge, Histogram, type Registry } from '@zen/telemetry';

const SECONDS = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.5, 0.75, 1, 2, 5, 10];

const HOPS = {
  transcript_ms: 'transcript',
  first_token_ms: 'first_token',
  first_clause_ms: 'first_clause',
  first_audio_ms: 'first_audio',
} as const;

/** What the gateway counts of Realtime sessions. */
export class RealtimeMetrics {
  private readonly hops: Histogram;
  private readonly responses: Counter;
  private readonly prefills: Counter;
  private readonly interruptions: Histogram;
  private readonly closes: Counter;

  constructor(registry: Registry, sessions: () => number) {
    const registers = [registry];
    new Gauge({
      name: 'zen_gateway_realtime_sessions',
      help: 'Realtime sessions, those whose connection is away included',
      registers,
      collect() {
        this.set(sessions());
      },
    });
    this.hops = new Histogram({
      name: 'zen_gateway_realtime_hop_seconds',
      help: 'Time from the commit of the input (or the request) to each hop of its response',
      labelNames: ['hop'],
      buckets: SECONDS,
      registers,
    });
    this.responses = new Counter({
      name: 'zen_gateway_realtime_responses_total',
      help: 'Responses by how they ended',
      labelNames: ['status'],
      registers,
    });
    this.prefills = new Counter({
      name: 'zen_gateway_realtime_prefills_total',
      help: 'Beginnings of questions that were computed while their user spoke',
      labelNames: ['outcome'],
      registers,
    });
    this.interruptions = new Histogram({
      name: 'zen_gateway_realtime_interruption_seconds',
      help: 'Time from the word of the talker that somebody speaks to everything that it interrupts being cancelled',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
      registers,
    });
    this.closes = new Counter({
      name: 'zen_gateway_realtime_closes_total',
      help: 'Sessions that ended, and why',
      labelNames: ['reason'],
      registers,
    });
  }

  ended(status: string, hops: Hops): void {
    this.responses.inc({ status });
    for (const [field, hop] of Object.entries(HOPS)) {
      const ms = hops[field as keyof Hops];
      if (ms !== undefined) this.hops.observe({ hop }, ms / 1000);
    }
  }

  prefilled(outcome: 'done' | 'refused' | 'cut'): void {
    this.prefills.inc({ outcome });
  }

  interrupted(tookMs: number): void {
    this.interruptions.observe(tookMs / 1000);
  }

  closed(reason: CloseReason): void {
    this.closes.inc({ reason });
  }
}

/** `away`: its connection dropped and did not come back. */
export type CloseReason = 'client' | 'away' | 'slow' | 'expired' | 'leaving' | 'failed';
