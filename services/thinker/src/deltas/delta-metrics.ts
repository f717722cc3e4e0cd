import { Counter, Gauge, Histogram, type Registry } from '@zen/telemetry';
import { DELTA_FAILURES, type DeltaFailure } from '../request/thinker-error';
import type { DeltaTier, DeltaTiers } from './delta-tiers';
import { SLOT_KINDS } from './slot-kind';

const LOAD_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const SWITCH_SECONDS = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3];

/** What is counted of deltas. Labels are tiers, kinds, states and failures: closed sets, never a tenant or a digest. */
export class DeltaMetrics {
  private readonly hits: Counter;
  private readonly failures: Counter;
  private readonly evictions: Counter;
  private readonly corruptions: Counter;
  private readonly revocations: Counter;
  private readonly leaseFailures: Counter;
  private readonly loads: Histogram;
  private readonly switches: Histogram;

  constructor(private readonly registry: Registry) {
    const corrupt = 'Copies whose bytes were not those of their digest, by where they were found';
    const load = 'From the request to its delta in a slot, by the tier it came from';
    this.hits = this.counter('hits', 'Requests by the tier that had their delta', ['tier']);
    this.failures = this.counter('failures', 'Requests whose delta could not be had', ['failure']);
    this.evictions = this.counter('evictions', 'Deltas that made room for others', ['tier']);
    this.corruptions = this.counter('verification_failures', corrupt, ['tier']);
    this.revocations = this.counter('revocations', 'Deltas dropped because they were deleted or erased', []);
    this.leaseFailures = this.counter('lease_failures', 'Renewals that the store did not answer', []);
    this.loads = this.histogram('load_seconds', load, ['tier'], LOAD_SECONDS);
    this.switches = this.histogram('switch_seconds', 'The same where it was in a slot', [], SWITCH_SECONDS);
  }

  had(tier: DeltaTier, seconds: number): void {
    this.hits.inc({ tier });
    if (tier === 'slot') this.switches.observe(seconds);
    else this.loads.observe({ tier }, seconds);
  }

  refused(failure: DeltaFailure): void {
    this.failures.inc({ failure });
  }

  evicted(tier: DeltaTier): void {
    this.evictions.inc({ tier });
  }

  corrupt(tier: DeltaTier): void {
    this.corruptions.inc({ tier });
  }

  revoked(): void {
    this.revocations.inc();
  }

  leaseFailed(): void {
    this.leaseFailures.inc();
  }

  /** Reads what the tiers hold whenever it is asked for. */
  watch(tiers: DeltaTiers): void {
    const { slots, host, disk } = tiers;
    this.gauge('delta_slots', 'Slots of the engine by kind and state', ['kind', 'state'], (gauge) => {
      for (const kind of SLOT_KINDS) {
        const { slots: all, taken, pinned } = slots.counts(kind);
        gauge.set({ kind, state: 'free' }, all - taken);
        gauge.set({ kind, state: 'idle' }, taken - pinned);
        gauge.set({ kind, state: 'in_use' }, pinned);
      }
    });
    this.gauge('delta_bytes', 'Bytes of deltas by tier', ['tier'], (gauge) => {
      gauge.set({ tier: 'slot' }, slots.bytes);
      gauge.set({ tier: 'host' }, host.used);
      gauge.set({ tier: 'disk' }, disk.used);
    });
    this.gauge('deltas', 'Deltas by state; failed: refused lately', ['state'], (gauge) => {
      gauge.set({ state: 'ready' }, slots.held().length);
      gauge.set({ state: 'loading' }, tiers.loading);
      gauge.set(
        { state: 'failed' },
        [...tiers.failed().values()].reduce((sum, one) => sum + one, 0),
      );
    });
    this.gauge('deltas_refused', 'Deltas refused lately, by why', ['failure'], (gauge) => {
      const failed = tiers.failed();
      for (const failure of DELTA_FAILURES) gauge.set({ failure }, failed.get(failure) ?? 0);
    });
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({
      name: `zen_thinker_delta_${name}_total`,
      help,
      labelNames,
      registers: [this.registry],
    });
  }

  private histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram {
    const registers = [this.registry];
    return new Histogram({ name: `zen_thinker_delta_${name}`, help, labelNames, buckets, registers });
  }

  private gauge(name: string, help: string, labelNames: string[], read: (gauge: Gauge) => void): void {
    new Gauge({
      name: `zen_thinker_${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        read(this);
      },
    });
  }
}
