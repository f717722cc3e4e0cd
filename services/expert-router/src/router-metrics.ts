import type { Plan } from '@zen/placement';
import { Counter, collectDefaultMetrics, Gauge, Registry } from '@zen/telemetry';
import { balances } from './placing/describe';
import type { Placer } from './placing/placer';

/** Everything that the router counts. Labels come from closed sets; no pod or thinker is in them. */
export class RouterMetrics {
  readonly registry = new Registry();
  private readonly calls = this.counter('calls_total', 'Calls by method and outcome', ['method', 'code']);
  private readonly plans = this.counter('plans_total', 'Plans by what came of them', ['outcome']);
  private readonly moved = this.counter('moves_total', 'Slots that plans gave another expert', []);
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

  planned({ moves, missing }: Plan): void {
    const outcome = missing > 0 ? 'incomplete' : moves > 0 ? 'moved' : 'kept';
    this.plans.inc({ outcome });
    this.moved.inc(moves);
  }

  assignmentRefused(): void {
    this.refused.inc();
  }

  /** Reads the rest when it is asked for. */
  report(placer: Placer, podsNamed: () => number, now: () => number): void {
    this.gauge('pods', 'Expert pods by state', ['state'], (gauge) => {
      const { members } = placer;
      const staying = members.filter(({ stays, link }) => stays && link.up).length;
      gauge.set({ state: 'placed' }, staying);
      gauge.set({ state: 'going' }, members.length - staying);
      gauge.set({ state: 'other' }, podsNamed() - members.length);
    });
    this.gauge(
      'balance',
      'Largest load of a pod over the mean: as held, and as planned',
      ['placement'],
      (gauge) => {
        const { balance, planned } = balances(placer, now());
        gauge.set({ placement: 'held' }, balance);
        gauge.set({ placement: 'planned' }, planned);
      },
    );
    this.gauge('experts', 'Pairs of layer and expert by whether a pod holds them', ['held'], (gauge) => {
      const layers = placer.feed.latest?.layers ?? [];
      const all = layers.flatMap(({ experts }) => experts);
      const held = all.filter(({ pods }) => pods.length > 0).length;
      gauge.set({ held: 'true' }, held);
      gauge.set({ held: 'false' }, all.length - held);
    });
    this.gauge('version', 'Version of the placement', [], (gauge) =>
      gauge.set(Number(placer.feed.latest?.version ?? 0n)),
    );
    this.gauge('window_tokens', 'Tokens in the window, all experts together', [], (gauge) =>
      gauge.set(placer.load?.tokens(now()).reduce((sum, tokens) => sum + tokens, 0) ?? 0),
    );
    this.gauge('thinkers', 'Thinkers by what they do here', ['does'], (gauge) => {
      gauge.set({ does: 'watch' }, placer.feed.watchers);
      gauge.set({ does: 'report' }, placer.load?.thinkers(now()) ?? 0);
    });
    this.gauge('plans_here', 'Whether this router plans (1) or another one does (0)', [], (gauge) =>
      gauge.set(placer.writes ? 1 : 0),
    );
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_expert_router_${name}`, help, labelNames, registers: [this.registry] });
  }

  private gauge(name: string, help: string, labelNames: string[], read: (gauge: Gauge) => void): void {
    new Gauge({
      name: `zen_expert_router_${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        read(this);
      },
    });
  }
}
