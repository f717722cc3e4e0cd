import { BANDS, type Band, type Caps } from '@zen/admission';
import { RECIPES } from '@zen/deltas';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@zen/telemetry';
import type { FrontQueue, QueueRefusal } from '../admission/front-queue';
import type { Answer, AnswerEnd } from '../answer/answer';
import type { Move } from '../answer/mover';
import type { Fleet } from '../fleet/fleet';
import type { GatewayFailure } from '../gateway-error';
import { BoundedLabel, OTHER } from './bounded-label';
import type { RungReport } from './rung-report';

const SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const TOKEN_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

const OVERHEAD_SECONDS = [0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5];

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
  private readonly routes = this.counter('routes_total', 'Answers by why their replica was chosen', [
    'model',
    'route',
  ]);
  private readonly tokens = this.counter(
    'tokens_total',
    'Tokens in and out; cached: those of the prompt that its replica had computed before',
    ['model', 'kind'],
  );
  private readonly refusals = this.counter('refusals_total', 'Requests refused, by failure', ['failure']);
  private readonly retries = this.counter(
    'retries_total',
    'Answers moved to another replica before their first piece',
    [],
  );
  private readonly migrations = this.counter('migrations_total', 'Answers that went on elsewhere, and why', [
    'type',
  ]);
  private readonly failedMigrations = this.counter(
    'migrations_failed_total',
    'Answers that broke off and could not go on, and why they broke off',
    ['type'],
  );
  private readonly migrationSeconds = this.histogram(
    'migration_seconds',
    'Time from the failure to the next piece',
    ['type'],
    SECONDS,
  );
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
  private readonly tenants: BoundedLabel;
  private readonly tenantRequests = this.counter('tenant_requests_total', 'Requests by tenant', [
    'tenant',
    'status',
  ]);
  private readonly tenantTokens = this.counter('tenant_tokens_total', 'Tokens by tenant', ['tenant', 'kind']);
  private readonly waits = this.histogram(
    'wait_seconds',
    'Time that requests waited at the gateway for a replica',
    ['priority'],
    [0, ...SECONDS, 60, 120, 300],
  );
  private readonly turnedAways = this.counter('waiting_refusals_total', 'Requests refused by the queue', [
    'priority',
    'why',
  ]);
  private readonly wakes = this.counter('wakes_total', 'Requests that waited for a model without a thinker', [
    'outcome',
  ]);
  private readonly wakeSeconds = this.histogram(
    'wake_seconds',
    'Time until such a model could answer',
    [],
    [1, 2, 5, 10, 20, 30, 60, 120, 300, 600],
  );
  private readonly limitsTogether = this.histogram(
    'shared_limits_seconds',
    'Time that a request waited for its limits in Redis',
    [],
    OVERHEAD_SECONDS,
  );
  private readonly limitsAlone = this.counter(
    'limits_alone_total',
    'Requests whose limits were kept without Redis because it did not answer',
    [],
  );
  private readonly deltaAnswers = this.counter('delta_answers_total', 'Answers with a delta, by its recipe', [
    'model',
    'recipe',
  ]);
  private readonly deltaSeconds = this.histogram(
    'delta_resolve_seconds',
    'Time to learn from the delta-store what a name stands for, by outcome',
    ['outcome'],
    SECONDS,
  );
  private readonly deltaUploads = this.counter(
    'delta_upload_bytes_total',
    'Bytes of delta files and models taken in',
    ['kind'],
  );
  private readonly expertFalls = this.counter(
    'expert_falls_total',
    'Pairs of a token and an expert that did not get what the stage says, by what they got',
    ['model', 'rung'],
  );
  private readonly fallenAnswers = this.counter(
    'fallen_answers_total',
    'Answers in which an expert did not answer as the stage says',
    ['model'],
  );
  private readonly overhead = this.histogram(
    'overhead_seconds',
    'Time from arrival to the first piece that neither waiting, the delta-store nor a thinker took',
    [],
    OVERHEAD_SECONDS,
  );
  private limits: Gauge | undefined;
  private limitGateways: Gauge | undefined;
  private readonly inFlight = new Gauge({
    name: 'zen_gateway_requests_in_flight',
    help: 'Requests being answered',
    registers: [this.registry],
  });

  /** `tenantSeries`: tenants that have series of their own. */
  constructor(
    private readonly fleet: Fleet,
    tenantSeries: number,
  ) {
    this.tenants = new BoundedLabel(tenantSeries);
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

  /** What a tenant has had, whatever became of it. */
  served(tenant: string, status: number, promptTokens: number, completionTokens: number): void {
    const label = this.tenants.of(tenant);
    this.tenantRequests.inc({ tenant: label, status: `${Math.floor(status / 100)}xx` });
    this.tenantTokens.inc({ tenant: label, kind: 'prompt' }, promptTokens);
    this.tenantTokens.inc({ tenant: label, kind: 'completion' }, completionTokens);
  }

  left(route: string, status: number, model: string): void {
    this.inFlight.dec();
    const label = this.fleet.isModel(model) ? model : 'unknown';
    this.requests.inc({ route, status: `${Math.floor(status / 100)}xx`, model: label });
  }

  refused(failure: string): void {
    this.refusals.inc({ failure });
  }

  woke(outcome: 'woken' | 'late', tookMs?: number): void {
    this.wakes.inc({ outcome });
    if (tookMs !== undefined) this.wakeSeconds.observe({}, tookMs / 1000);
  }

  retried(): void {
    this.retries.inc();
  }

  moved({ type, to, tookMs }: Move): void {
    if (to === undefined) this.failedMigrations.inc({ type });
    else {
      this.migrations.inc({ type });
      this.migrationSeconds.observe({ type }, tookMs / 1000);
    }
  }

  rungChanged(group: string, why: string): void {
    this.rungChanges.inc({ group, why });
  }

  answeredWith(model: string, recipe: string): void {
    this.deltaAnswers.inc({ model, recipe: RECIPES.some((one) => one === recipe) ? recipe : OTHER });
  }

  /** `failure` is undefined where the delta was found. */
  resolved(failure: GatewayFailure | undefined, tookMs: number): void {
    this.deltaSeconds.observe({ outcome: failure ?? 'found' }, tookMs / 1000);
  }

  uploaded(kind: 'delta' | 'build', bytes: number): void {
    this.deltaUploads.inc({ kind }, bytes);
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

  /** A request got its turn after waiting at the gateway. */
  waited(priority: Band, waitedMs: number): void {
    this.waits.observe({ priority }, waitedMs / 1000);
  }

  /** Whether the limits are those of all gateways together; never called where no Redis is set. */
  limitsShared(shared: boolean): void {
    this.limits ??= new Gauge({
      name: 'zen_gateway_limits_shared',
      help: 'Whether the limits of keys are kept with the other gateways (1) or alone for want of Redis (0)',
      registers: [this.registry],
    });
    this.limits.set(shared ? 1 : 0);
  }

  /** How many gateways share the limits, as far as is known. */
  limitsAmong(gateways: number): void {
    this.limitGateways ??= new Gauge({
      name: 'zen_gateway_limits_gateways',
      help: 'Gateways that keep the limits of keys together, as last heard from Redis',
      registers: [this.registry],
    });
    this.limitGateways.set(gateways);
  }

  limitedAlone(): void {
    this.limitsAlone.inc();
  }

  limitedTogether(tookMs: number): void {
    this.limitsTogether.observe(tookMs / 1000);
  }

  /** A request was refused by the queue. */
  turnedAway(priority: Band, why: QueueRefusal): void {
    this.turnedAways.inc({ priority, why });
  }

  reportQueue(queue: Pick<FrontQueue, 'held'>): void {
    const gauge = (what: keyof Caps, help: string) =>
      new Gauge({
        name: `zen_gateway_waiting_${what}`,
        help,
        labelNames: ['priority'],
        registers: [this.registry],
        collect() {
          for (const priority of BANDS) this.set({ priority }, queue.held(priority)[what]);
        },
      });
    gauge('requests', 'Requests that wait at the gateway for a replica');
    gauge('bytes', 'Prompt bytes of the requests that wait at the gateway');
  }

  /** `overheadMs`: from the request's arrival to its first piece, without waiting and without thinkers. */
  started({ model, stage, reason, route, ttftMs }: Answer, overheadMs: number): void {
    this.routes.inc({ model, route });
    this.overhead.observe(overheadMs / 1000);
    this.answers.inc({ model, stage, reason });
    this.ttft.observe({ model, stage }, ttftMs / 1000);
  }

  /** `streamedMs`: from the first piece to the end. */
  ended({ model, stage }: Answer, { usage, expertFalls }: AnswerEnd, streamedMs: number): void {
    if (expertFalls) {
      this.expertFalls.inc({ model, rung: 'stand-in' }, Number(expertFalls.standIn));
      this.expertFalls.inc({ model, rung: 'without' }, Number(expertFalls.without));
      this.fallenAnswers.inc({ model });
    }
    this.tokens.inc({ model, kind: 'prompt' }, usage.promptTokens);
    this.tokens.inc({ model, kind: 'cached' }, usage.cachedPromptTokens);
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
