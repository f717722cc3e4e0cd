import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@zen/telemetry';
import type { Answer, AnswerEnd } from '../answer/answer';
import type { Fleet } from '../fleet/fleet';
import type { RungReport } from './rung-report';

const SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const TOKEN_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** Everything that the gateway counts. Labels come from closed sets: routes, status classes, known models, stages. */
export class GatewayMetrics {
  readonly registry = new Registry();
  private readonly requests = this.counter('requests_total', 'Requests by outcome', [
    'route',
    'status',
    'model',
  ]);
  private readonly answers = this.counter('answers_total', 'Answers by stage and why', [
    'model',
    'stage',
    'reason',
  ]);
  private readonly tokens = this.counter('tokens_total', 'Tokens in and out', ['model', 'kind']);
  private readonly refusals = this.counter('refusals_total', 'Requests refused, by failure', ['failure']);
  private readonly retries = this.counter('retries_total', 'Answers moved to another replica', []);
  private readonly rungChanges = this.counter('rung_changes_total', 'Changes of a level, and why', [
    'group',
    'why',
  ]);
  private readonly ttft = this.histogram(
    'ttft_seconds',
    'Time to the first piece',
    ['model', 'stage'],
    SECONDS,
  );
  private readonly tpot = this.histogram('tpot_seconds', 'Time per token', ['model', 'stage'], TOKEN_SECONDS);
  private readonly inFlight = new Gauge({
    name: 'zen_gateway_requests_in_flight',
    help: 'Requests being answered',
    registers: [this.registry],
  });

  constructor(private readonly fleet: Fleet) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'zen_gateway_replicas',
      help: 'Thinkers by state',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        const replicas = fleet.replicas();
        const up = replicas.filter((replica) => replica.up).length;
        this.set({ state: 'up' }, up);
        this.set({ state: 'down' }, replicas.length - up);
      },
    });
  }

  entered(): void {
    this.inFlight.inc();
  }

  left(route: string, status: number, model: string): void {
    this.inFlight.dec();
    const label = this.fleet.isModel(model) ? model : 'unknown';
    this.requests.inc({ route, status: `${Math.floor(status / 100)}xx`, model: label });
  }

  refused(failure: string): void {
    this.refusals.inc({ failure });
  }

  retried(): void {
    this.retries.inc();
  }

  rungChanged(group: string, why: string): void {
    this.rungChanges.inc({ group, why });
  }

  /** Three gauges for each rung of each group that was asked lately. */
  reportRungs(rungs: RungReport): void {
    const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void) =>
      new Gauge({
        name: `zen_gateway_${name}`,
        help,
        labelNames,
        registers: [this.registry],
        collect() {
          this.reset();
          collect(this);
        },
      });
    const rung = ['group', 'model', 'stage'];
    gauge('rung_levels', 'Classes of requests that stand at this rung', rung, (levels) => {
      for (const { group, model, stage, classes } of rungs.standing())
        levels.set({ group, model, stage }, classes);
    });
    const seconds = 'Time predicted for one more request at this rung';
    gauge('rung_predicted_seconds', seconds, [...rung, 'figure'], (predicted) => {
      for (const { group, model, stage, prediction } of rungs.standing()) {
        if (!prediction) continue;
        predicted.set({ group, model, stage, figure: 'ttft' }, prediction.ttftMs / 1000);
        predicted.set({ group, model, stage, figure: 'tpot' }, prediction.tpotMs / 1000);
      }
    });
    const factor = 'What predictions are multiplied with, learned from the times seen';
    gauge('rung_correction', factor, [...rung, 'figure'], (corrections) => {
      for (const { group, model, stage, correction } of rungs.standing()) {
        corrections.set({ group, model, stage, figure: 'ttft' }, correction.ttft);
        corrections.set({ group, model, stage, figure: 'tpot' }, correction.tpot);
      }
    });
  }

  started({ model, stage, reason, ttftMs }: Answer): void {
    this.answers.inc({ model, stage, reason });
    this.ttft.observe({ model, stage }, ttftMs / 1000);
  }

  /** `streamedMs`: from the first piece to the end. */
  ended({ model, stage }: Answer, { usage }: AnswerEnd, streamedMs: number): void {
    this.tokens.inc({ model, kind: 'prompt' }, usage.promptTokens);
    this.tokens.inc({ model, kind: 'completion' }, usage.completionTokens);
    if (usage.completionTokens > 1) {
      this.tpot.observe({ model, stage }, streamedMs / 1000 / (usage.completionTokens - 1));
    }
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_gateway_${name}`, help, labelNames, registers: [this.registry] });
  }

  private histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram {
    return new Histogram({
      name: `zen_gateway_${name}`,
      help,
      labelNames,
      buckets,
      registers: [this.registry],
    });
  }
}
