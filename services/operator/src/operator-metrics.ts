import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@zen/telemetry';
import type { Plan } from './plan/plan';
import type { Phase } from './resource/resources';

const PHASES: readonly Phase[] = ['Serving', 'Starting', 'Asleep', 'Draining', 'Blocked'];
const KINDS = ['ZenModel', 'ExpertPool'];

/** Everything that the operator counts. Labels come from closed sets; no resource's name is in them. */
export class OperatorMetrics {
  readonly registry = new Registry();
  private readonly reconciles = this.counter('reconciles_total', 'Resources looked at, by kind and outcome', [
    'kind',
    'outcome',
  ]);
  private readonly writes = this.counter('applied_total', 'Objects made or put right, by kind', ['kind']);
  private readonly requests = this.counter('api_requests_total', 'Requests to the API server', [
    'verb',
    'status',
  ]);
  private readonly troubles = this.counter('watch_failures_total', 'Watches that broke, by kind', ['kind']);
  private readonly seconds = new Histogram({
    name: 'zen_operator_reconcile_seconds',
    help: 'Time for one resource, its writes included',
    buckets: [0.001, 0.01, 0.1, 1, 10, 60],
    registers: [this.registry],
  });
  private readonly resources = this.gauge('resources', 'Resources by kind and phase', ['kind', 'phase']);
  private readonly leads = this.gauge('leader', '1 while this process leads', []);

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.leads.set(0);
  }

  /** Ages of the copies of the cluster, asked for at each scrape. */
  reportAges(ages: () => readonly { kind: string; ageMs: number }[]): void {
    new Gauge({
      name: 'zen_operator_view_age_seconds',
      help: 'Time since each kind was heard of; its copy may be older than the cluster by that much',
      labelNames: ['kind'],
      registers: [this.registry],
      collect() {
        for (const { kind, ageMs } of ages()) this.set({ kind }, ageMs / 1000);
      },
    });
  }

  planned(plans: readonly Plan[]): void {
    for (const kind of KINDS) {
      for (const phase of PHASES) {
        const count = plans.filter(
          ({ resource, status }) => resource.kind === kind && status?.phase === phase,
        ).length;
        this.resources.set({ kind, phase }, count);
      }
    }
  }

  reconciled(kind: string, outcome: 'done' | 'stale' | 'failed', tookMs: number): void {
    this.reconciles.inc({ kind, outcome });
    this.seconds.observe(tookMs / 1000);
  }

  wrote(kind: string): void {
    this.writes.inc({ kind });
  }

  asked(verb: string, status: number): void {
    this.requests.inc({ verb, status: String(status) });
  }

  watchFailed(kind: string): void {
    this.troubles.inc({ kind });
  }

  led(now: boolean): void {
    this.leads.set(now ? 1 : 0);
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_operator_${name}`, help, labelNames, registers: [this.registry] });
  }

  private gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name: `zen_operator_${name}`, help, labelNames, registers: [this.registry] });
  }
}
