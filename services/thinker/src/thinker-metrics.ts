import type { StepOutput, StepPlan } from '@zen/batching';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@zen/telemetry';
import { DeltaMetrics } from './deltas/delta-metrics';
import { ExpertMetrics } from './experts/expert-metrics';
import { replicaGauges } from './replica-gauges';
import type { Replica } from './serving/replica';

const SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const TOKEN_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];

/** How an answer ended, for the label `outcome`. */
export type Outcome = 'stop' | 'length' | 'cancelled' | 'deadline' | 'refused' | 'failed';

/** Everything that the thinker counts. Labels come from closed sets: stages, kinds, outcomes. */
export class ThinkerMetrics {
  readonly registry = new Registry();
  private readonly answers = this.counter('answers_total', 'Answers by outcome', ['outcome']);
  private readonly tokens = this.counter('tokens_total', 'Tokens by kind: prompt, cached, completion', [
    'kind',
  ]);
  private readonly steps = this.counter('steps_total', 'Steps by highest stage in them', ['stage']);
  private readonly stageTokens = this.counter('stage_tokens_total', 'Tokens sampled, by stage', ['stage']);
  private readonly drops = this.counter('stage_drops_total', 'Stages dropped because their bytes were bad', [
    'stage',
  ]);
  private readonly failures = this.counter('step_failures_total', 'Steps that failed as a whole', []);
  private readonly stepSeconds = this.histogram('step_seconds', 'Time of a step', [], TOKEN_SECONDS);
  private readonly ttft = this.histogram(
    'ttft_seconds',
    'Time from the request to its first token',
    ['stage'],
    SECONDS,
  );
  private readonly between = this.histogram(
    'inter_token_seconds',
    'Time between tokens',
    ['stage'],
    TOKEN_SECONDS,
  );

  readonly deltas = new DeltaMetrics(this.registry);

  readonly experts: ExpertMetrics;

  constructor(replica: Replica) {
    this.experts = new ExpertMetrics(this.registry, () => {
      const { experts, climb } = replica.serving ?? {};
      return experts && climb ? { experts, top: climb.top } : null;
    });
    collectDefaultMetrics({ register: this.registry });
    replicaGauges(replica, this.registry);
    // All of these are 0 before the model's metadata is here.
    const load = () => replica.serving?.loop.scheduler.load();
    this.gauge('sequences', 'Requests by state', ['state'], (gauge) => {
      const { running = 0, waiting = 0, parked = 0, away = 0 } = load() ?? {};
      gauge.set({ state: 'running' }, running);
      gauge.set({ state: 'waiting' }, waiting);
      gauge.set({ state: 'parked' }, parked);
      gauge.set({ state: 'away' }, away);
    });
    this.gauge('kv_blocks', 'Blocks of the KV cache by state', ['state'], (gauge) => {
      const { kvBlocksFree = 0, kvBlocksTotal = 0 } = load() ?? {};
      gauge.set({ state: 'free' }, kvBlocksFree);
      gauge.set({ state: 'used' }, kvBlocksTotal - kvBlocksFree);
    });
    this.gauge('prefill_tokens_waiting', 'Prompt tokens that are not computed yet', [], (gauge) => {
      gauge.set(load()?.prefillTokensWaiting ?? 0);
    });
    new Counter({
      name: 'zen_thinker_draft_tokens_total',
      help: 'Tokens drafted, by drafter and whether the check kept them',
      labelNames: ['drafter', 'kept'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [drafter, { drafted, accepted }] of Object.entries(load()?.drafts ?? {})) {
          this.inc({ drafter, kept: 'true' }, accepted);
          this.inc({ drafter, kept: 'false' }, drafted - accepted);
        }
      },
    });
    new Counter({
      name: 'zen_thinker_preemptions_total',
      help: 'Sequences that gave their KV to others',
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(load()?.preemptions ?? 0);
      },
    });
  }

  answered(
    outcome: Outcome,
    usage: { promptTokens: number; cachedPromptTokens: number; completionTokens: number },
  ): void {
    this.answers.inc({ outcome });
    this.tokens.inc({ kind: 'prompt' }, usage.promptTokens);
    this.tokens.inc({ kind: 'cached' }, usage.cachedPromptTokens);
    this.tokens.inc({ kind: 'completion' }, usage.completionTokens);
  }

  /** A request that was not accepted, or an answer that broke off. */
  ended(outcome: 'refused' | 'failed'): void {
    this.answers.inc({ outcome });
  }

  firstToken(stage: number, seconds: number): void {
    this.ttft.observe({ stage }, seconds);
  }

  /** `count` tokens came `seconds` after the last ones. */
  nextTokens(stage: number, count: number, seconds: number): void {
    for (let i = 0; i < count; i++) this.between.observe({ stage }, seconds / count);
  }

  step({ items }: StepPlan, outputs: readonly StepOutput[], elapsedUs: number): void {
    this.steps.inc({ stage: Math.max(...items.map(({ stage }) => stage)) });
    items.forEach(({ stage, sample }, i) => {
      if (sample) this.stageTokens.inc({ stage }, 1 + (outputs[i]?.kept.length ?? 0));
    });
    this.stepSeconds.observe(elapsedUs / 1e6);
  }

  dropped(stage: number): void {
    this.drops.inc({ stage });
  }

  stepFailed(): void {
    this.failures.inc();
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `zen_thinker_${name}`, help, labelNames, registers: [this.registry] });
  }

  private histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram {
    return new Histogram({
      name: `zen_thinker_${name}`,
      help,
      labelNames,
      buckets,
      registers: [this.registry],
    });
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
