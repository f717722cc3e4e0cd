import type { Generation, GenerationEvent } from './generation';
import { type BatchRequest, DEFAULT_LIMITS, type Limits } from './request';
import { Scheduler, type StepPlan } from './scheduler';
import { SimulatedBackend, type SimulatedModel } from './simulated-backend';
import type { SamplingParams, StepOutput } from './step-backend';
import { draftTokens } from './step-costs';

export const greedy: SamplingParams = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBiasTokens: new Int32Array(0),
  logitBiasValues: new Float32Array(0),
  seed: 0n,
  stop: [],
  stopTokens: new Int32Array(0),
  logprobs: -1,
};

export function request(
  promptTokens: number,
  maxTokens: number,
  more: Partial<BatchRequest> = {},
): BatchRequest {
  const tokens = Int32Array.from({ length: promptTokens }, (_, i) => (i * 7 + promptTokens) % 1000);
  return {
    tenant: 'a',
    priority: 'normal',
    prompt: { kind: 'tokens', tokens },
    sampling: greedy,
    maxTokens,
    stage: null,
    deadlineUs: Number.POSITIVE_INFINITY,
    ...more,
  };
}

/** mulberry32: uniform in [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What a request has given so far. */
export interface Outcome {
  request: BatchRequest;
  generation: Generation;
  tokens: number[];
  /** Stand-ins so far, at each token. */
  falls: number[];
  started: Extract<GenerationEvent, { type: 'started' }> | null;
  finished: Extract<GenerationEvent, { type: 'finished' }> | null;
  error: unknown;
}

/** A scheduler over a simulated backend, with a clock that moves by what each step would cost. */
export class Harness {
  nowUs = 0;
  steps = 0;
  readonly backend: SimulatedBackend;
  readonly scheduler: Scheduler;
  readonly outcomes: Outcome[] = [];
  /** Sees every plan before it runs. */
  onPlan: (plan: StepPlan) => void = () => undefined;
  onOutputs: (outputs: StepOutput[]) => void = () => undefined;
  /** Time of a step by its rows: prompt tokens, decodes and checked drafts; drafts of a stage cost a decode each. */
  stepUs: (rows: number, stage: number) => number = (rows) => 1000 + 100 * rows;

  constructor(limits: Partial<Limits> = {}, model: Partial<SimulatedModel> = {}) {
    this.backend = new SimulatedBackend({ vocabSize: 1000, blocksTotal: 1000, blockTokens: 16, ...model });
    const all = { ...DEFAULT_LIMITS, contextTokens: 4096, speculation: 'off' as const, ...limits };
    this.scheduler = new Scheduler(this.backend, all, () => undefined);
  }

  /** Submits; with `read` false nobody takes the tokens. */
  submit(what: BatchRequest, read = true): Outcome {
    const generation = this.scheduler.submit(what, this.nowUs);
    const outcome: Outcome = {
      request: what,
      generation,
      tokens: [],
      falls: [],
      started: null,
      finished: null,
      error: null,
    };
    this.outcomes.push(outcome);
    if (read) void this.read(outcome);
    return outcome;
  }

  async read(outcome: Outcome): Promise<void> {
    try {
      for await (const events of outcome.generation) {
        for (const event of events) {
          if (event.type === 'token') {
            outcome.tokens.push(event.token);
            outcome.falls.push(event.expertFalls.standIn);
          } else if (event.type === 'started') outcome.started = event;
          else outcome.finished = event;
        }
      }
    } catch (error) {
      outcome.error = error;
    }
  }

  /** One plan and its step; false if there was nothing to do. */
  async step(): Promise<boolean> {
    const plan = this.scheduler.plan(this.nowUs);
    if (!plan) {
      await new Promise(setImmediate);
      return false;
    }
    this.onPlan(plan);
    const outputs = await this.backend.step(plan.items);
    this.onOutputs(outputs);
    const rows = plan.planned.reduce((sum, { count, draft }) => sum + count + draftTokens(draft), 0);
    const drafting = plan.planned.map(({ draft }) =>
      draft && !('tokens' in draft) ? draft.count * this.stepUs(1, draft.stage) : 0,
    );
    const stage = Math.max(...plan.items.map((item) => item.stage));
    const elapsedUs = this.stepUs(rows, stage) + Math.max(...drafting);
    this.nowUs += elapsedUs;
    this.steps++;
    this.scheduler.complete(plan, outputs, elapsedUs, this.nowUs);
    // Consumers run between steps.
    await new Promise(setImmediate);
    return true;
  }

  async drain(most = 100_000): Promise<void> {
    for (let i = 0; i < most; i++) if (!(await this.step())) return;
    throw new Error(`not idle after ${most} steps`);
  }
}

/** What the request gives on a backend of its own. */
export async function alone(what: BatchRequest, model: Partial<SimulatedModel> = {}): Promise<number[]> {
  const harness = new Harness({}, model);
  const outcome = harness.submit({ ...what, deadlineUs: Number.POSITIVE_INFINITY });
  await harness.drain();
  return outcome.tokens;
}
