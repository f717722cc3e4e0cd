import { Counter, Gauge, Histogram, type Registry } from '@zen/telemetry';
import type { ServedExperts } from './served-experts';

const CALL_SECONDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** What became of a mixture's experts. Labels are closed sets; nothing is shown for a dense model. */
export class ExpertMetrics {
  private readonly callSeconds: Histogram;

  constructor(
    registry: Registry,
    /** With the highest stage attached. */
    served: () => { experts: ServedExperts; top: number } | null,
  ) {
    const registers = [registry];
    this.callSeconds = new Histogram({
      name: 'zen_thinker_expert_call_seconds',
      help: 'Time of calls to expert pods that were answered',
      buckets: CALL_SECONDS,
      registers,
    });
    const counter = (name: string, help: string, labelNames: string[], read: Read) =>
      new Counter({
        name: `zen_thinker_expert_${name}`,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          const now = served();
          if (now) for (const [labels, value] of read(now.experts, now.top)) this.inc(labels, value);
        },
      });
    const gauge = (name: string, help: string, labelNames: string[], read: Read) =>
      new Gauge({
        name: `zen_thinker_expert_${name}`,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          const now = served();
          if (now) for (const [labels, value] of read(now.experts, now.top)) this.set(labels, value);
        },
      });
    counter(
      'pairs_total',
      'Pairs of a token and an expert, by who computed them: here, a pod, here at a lower stage, nobody',
      ['by'],
      ({ counts }) => [
        [{ by: 'local' }, counts.localPairs],
        [{ by: 'remote' }, counts.remotePairs],
        [{ by: 'stand-in' }, counts.standIn],
        [{ by: 'without' }, counts.without],
      ],
    );
    counter('missing_pairs_total', 'Pairs that no pod computed', [], ({ counts }) => [
      [{}, counts.missingPairs],
    ]);
    counter('calls_total', 'Calls to expert pods by outcome', ['outcome'], ({ counts }) =>
      [...counts.calls].map(([outcome, count]) => [{ outcome }, count]),
    );
    counter('hedged_calls_total', 'Calls of which a replica was asked too', [], ({ counts }) => [
      [{}, counts.hedgedCalls],
    ]);
    counter('failed_over_calls_total', 'Calls that failed and went to a replica', [], ({ counts }) => [
      [{}, counts.failedOverCalls],
    ]);
    gauge('places', 'Pairs of a layer and an expert by where they can be had', ['kind'], (experts, top) => {
      const { local, remote, standInOnly, missing } = experts.coverage(Math.max(0, top));
      return [
        [{ kind: 'local' }, local],
        [{ kind: 'remote' }, remote],
        [{ kind: 'stand-in' }, standInOnly],
        [{ kind: 'missing' }, missing],
      ];
    });
    gauge(
      'capped',
      'Pairs of a layer and an expert that are kept below the top stage',
      [],
      (experts, top) => [[{}, experts.capped(Math.max(0, top))]],
    );
    gauge('pods', 'Expert pods of the placement in use', ['state'], ({ pods }) => [
      [{ state: 'up' }, pods.up],
      [{ state: 'down' }, pods.down],
    ]);
    gauge('placement_version', 'Placement in use, 0 for none', [], ({ version }) => [[{}, Number(version)]]);
  }

  answered(seconds: number): void {
    this.callSeconds.observe(seconds);
  }
}

type Read = (experts: ServedExperts, top: number) => [labels: Record<string, string>, value: number][];
