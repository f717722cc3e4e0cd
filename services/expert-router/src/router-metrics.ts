import { Counter, collectDefaultMetrics, Registry } from '@zen/telemetry';

/** Everything that the router counts. */
export class RouterMetrics {
  readonly registry = new Registry();
  private readonly calls = this.counter('calls_total', 'Calls by method and outcome', ['method', 'code']);
  private readonly plans = this.counter('plans_total', 'Plans, by whether they move experts', ['moves']);
  private readonly moved = this.counter('moves_total', 'Experts that were given to a pod by plans', []);
  private readonly published = this.counter('placements_total', 'Placements published', []);
  private readonly refused = this.counter(
    'refused_assignments_total',
    'Assignments that a pod did not take',
    [],
  );

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  called(method: string, code: string): void {
    this.calls.inc({ method, code });
  }

  planned(moves: number): void {
    this.plans.inc({ moves: String(moves > 0) });
    this.moved.inc(moves);
  }

  placementPublished(): void {
    this.published.inc();
  }

  assignmentRefused(): void {
    this.refused.inc();
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_expert_router_${name}`, help, labelNames, registers: [this.registry] });
  }
}
