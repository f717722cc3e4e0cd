import { Counter, collectDefaultMetrics, Registry } from '@zen/telemetry';

/** Everything that the store counts. Labels come from closed sets; no tenant is in them. */
export class DeltaStoreMetrics {
  readonly registry = new Registry();
  private readonly calls = this.counter('calls_total', 'Calls by method and outcome', ['method', 'code']);
  private readonly moved = this.counter('bytes_total', 'Bytes of deltas by direction', ['direction']);
  private readonly corrupt = this.counter(
    'verification_failures_total',
    'Stored bytes that were not those taken in',
    [],
  );

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  called(method: string, code: string): void {
    this.calls.inc({ method, code });
  }

  bytes(direction: 'in' | 'out', count: number): void {
    this.moved.inc({ direction }, count);
  }

  verificationFailed(): void {
    this.corrupt.inc();
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_delta_store_${name}`, help, labelNames, registers: [this.registry] });
  }
}
