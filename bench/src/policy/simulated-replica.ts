import { DEFAULT_LIMITS, type Generation, Scheduler, SimulatedBackend, type StepPlan } from '@zen/batching';
import { GREEDY } from '@zen/engine';
import type { Replica } from '@zen/quality';
import type { Arrival } from './load-shapes';
import { type RecordedModel, type RecordedStage, stepUs } from './recorded-costs';

const CONTEXT = 4096;
/** Time of a step over several stages, as a share of separate steps (`npm run bench -- speculation`). */
const MIXED = 0.95;
/** What a thinker measures of a new stage before anybody asks, three times: prompts of 48 tokens, decodes of 1 and 4. */
const MEASURED = [
  { decodes: 0, promptTokens: 48 },
  { decodes: 1, promptTokens: 0 },
  { decodes: 4, promptTokens: 0 },
].flatMap((step) => [step, step, step]);

/**
 * A thinker whose arithmetic takes recorded times on a clock of its own. Batching is the thinker's own scheduler,
 * so prompts beside answers, slots, fairness and what it learns of its costs are those of the real one.
 */
export class SimulatedReplica {
  private readonly scheduler: Scheduler;
  private readonly backend: SimulatedBackend;
  private plan: { plan: StepPlan; elapsedUs: number } | undefined;
  private submitted = 0;
  /** Requests that were sent here and have not ended. */
  inFlight = 0;
  /** Prompt tokens of those that have not begun. */
  unstartedTokens = 0;
  /** When the step in progress ends; Infinity while there is none. */
  endsAtMs = Number.POSITIVE_INFINITY;

  constructor(
    readonly recorded: RecordedModel,
    /** At least 1; multiplies each step's time, for what the records do not show. */
    private readonly noise: () => number,
  ) {
    const next = () => 5;
    this.backend = new SimulatedBackend({ vocabSize: 1 << 20, blocksTotal: 8000, blockTokens: 16, next });
    // What it writes is no text, so it says nothing on how often a guess is right.
    const limits = { ...DEFAULT_LIMITS, contextTokens: CONTEXT, speculation: 'off' as const };
    this.scheduler = new Scheduler(this.backend, limits, () => undefined);
    this.scheduler.setTopStage(Math.max(...recorded.stages.map(({ stage }) => stage)));
    for (const stage of recorded.stages) {
      for (const measure of MEASURED) {
        const elapsedUs = stepUs(stage, measure.decodes, measure.promptTokens);
        this.scheduler.observe({ stage: stage.stage, elapsedUs, ...measure }, 0);
      }
    }
  }

  get computing(): boolean {
    return this.plan !== undefined;
  }

  /** As a gateway sees it at `nowMs`. */
  view(nowMs: number): Replica {
    const { costs } = this.scheduler.load(nowMs * 1000);
    return {
      id: this.recorded.model,
      model: this.recorded.model,
      host: 'one node',
      load: {
        running: this.inFlight,
        waiting: 0,
        prefillTokensWaiting: this.unstartedTokens,
        maxRunning: DEFAULT_LIMITS.maxRunning,
        costs,
      },
      stages: this.recorded.stages.map(({ stage, servable, top1, jsonValid }) => {
        return { stage, servable, attached: true, top1, jsonValid };
      }),
    };
  }

  submit({ promptTokens, answerTokens }: Arrival, stage: number, ttftMs: number, nowMs: number): Generation {
    // No two prompts share a block, as chats of strangers do not.
    const first = ++this.submitted * 64;
    const tokens = Int32Array.from({ length: promptTokens }, (_, i) => first + (i % 64));
    return this.scheduler.submit(
      {
        tenant: 'all',
        priority: 'normal',
        prompt: { kind: 'tokens', tokens },
        sampling: GREEDY,
        maxTokens: answerTokens,
        stage,
        ttftUs: 1000 * ttftMs,
        deadlineUs: Number.POSITIVE_INFINITY,
      },
      nowMs * 1000,
    );
  }

  /** Begins a step if there is work and none is in progress; `slower`: how much neighbours slow it down. */
  begin(nowMs: number, slower: number): void {
    if (this.plan) return;
    const plan = this.scheduler.plan(nowMs * 1000);
    if (!plan) return;
    const elapsedUs = Math.max(1, this.elapsedUs(plan) * slower * this.noise());
    this.plan = { plan, elapsedUs };
    this.endsAtMs = nowMs + elapsedUs / 1000;
  }

  /** Ends the step; whoever reads gets its tokens. */
  async end(): Promise<void> {
    if (!this.plan) return;
    const { plan, elapsedUs } = this.plan;
    const outputs = await this.backend.step(plan.items);
    this.scheduler.complete(plan, outputs, elapsedUs, this.endsAtMs * 1000);
    this.plan = undefined;
    this.endsAtMs = Number.POSITIVE_INFINITY;
  }

  /** What each stage's part would take in a step of its own, less what one step over all of them saves. */
  private elapsedUs({ planned, items }: StepPlan): number {
    const stages = [...new Set(items.map(({ stage }) => stage))];
    const partsUs = stages.map((stage) => {
      const decodes = planned.filter(
        ({ sequence }, at) => sequence.decoding && items[at]?.stage === stage,
      ).length;
      const tokens = items.reduce((sum, item) => sum + (item.stage === stage ? item.tokens.length : 0), 0);
      return stepUs(this.recordedStage(stage), decodes, tokens - decodes);
    });
    return partsUs.reduce((a, b) => a + b) * (stages.length > 1 ? MIXED : 1);
  }

  private recordedStage(stage: number): RecordedStage {
    const found = this.recorded.stages.find((one) => one.stage === stage);
    if (!found) throw new Error(`stage ${stage} of ${this.recorded.model} was not recorded`);
    return found;
  }
}
