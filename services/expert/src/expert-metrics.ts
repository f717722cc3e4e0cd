import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@zen/telemetry';
import type { Pod } from './pod';
import type { CallEnd } from './running/run-stream';

const SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1];

/** Everything that the pod counts. Labels come from closed sets. */
export class ExpertMetrics {
  readonly registry = new Registry();
  private readonly rpcs = this.counter('rpcs_total', 'RPCs by method and outcome', ['method', 'code']);
  private readonly calls = this.counter('calls_total', 'Calls of Run streams by outcome', ['outcome']);
  private readonly pairs = this.counter('pairs_total', 'Rows through experts', []);
  private readonly compute = this.histogram('compute_seconds', 'Arithmetic of a call');
  private readonly total = this.histogram('call_seconds', 'A call from its arrival to its answer');

  constructor(pod: Pod) {
    collectDefaultMetrics({ register: this.registry });
    this.gauge('calls_in_flight', 'Calls that were taken and are not answered yet', (gauge) =>
      gauge.set(pod.room.calls),
    );
    this.gauge('call_bytes', 'Memory of their rows and outputs', (gauge) => gauge.set(pod.room.bytes));
    this.gauge('held', 'Experts that answer at the held stage or above', (gauge) =>
      gauge.set(pod.state().held.reduce((sum, { experts }) => sum + experts.length, 0)),
    );
    this.gauge('held_stage', 'The stage that all of them have, -1 for none', (gauge) =>
      gauge.set(pod.holding?.experts.level ?? -1),
    );
    this.gauge('held_bytes', 'Bytes of experts that are mapped or in memory', (gauge) => {
      const { mappedBytes, mergedBytes } = pod.stats();
      gauge.set(mappedBytes + mergedBytes);
    });
    this.gauge('download_bytes_per_second', 'Bytes per second that arrive now', (gauge) =>
      gauge.set(pod.download?.progress().bytesPerSecond ?? 0),
    );
    new Gauge({
      name: 'zen_expert_stage_bytes',
      help: 'Bytes of each stage that are wanted: in all, and on this node',
      labelNames: ['stage', 'kind'],
      registers: [this.registry],
      collect() {
        for (const { stage, bytes, bytesPresent } of pod.download?.progress().stages ?? []) {
          this.set({ stage, kind: 'total' }, bytes);
          this.set({ stage, kind: 'present' }, bytesPresent);
        }
      },
    });
    new Counter({
      name: 'zen_expert_corrupt_chunks_total',
      help: 'Chunks that turned out bad on the disk',
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(pod.holding?.corruptChunks ?? 0);
      },
    });
  }

  rpc(method: string, code: string): void {
    this.rpcs.inc({ method, code });
  }

  call(outcome: CallEnd, pairs: number, computeUs: number, totalUs: number): void {
    this.calls.inc({ outcome });
    if (outcome !== 'ok') return;
    this.pairs.inc(pairs);
    this.compute.observe(computeUs / 1e6);
    this.total.observe(totalUs / 1e6);
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_expert_${name}`, help, labelNames, registers: [this.registry] });
  }

  private histogram(name: string, help: string): Histogram {
    return new Histogram({ name: `zen_expert_${name}`, help, buckets: SECONDS, registers: [this.registry] });
  }

  private gauge(name: string, help: string, read: (gauge: Gauge) => void): void {
    new Gauge({
      name: `zen_expert_${name}`,
      help,
      registers: [this.registry],
      collect() {
        read(this);
      },
    });
  }
}
