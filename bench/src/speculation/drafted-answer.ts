import {
  DEFAULT_LIMITS,
  Scheduler,
  type Speculation,
  type StepBackend,
  type StepOutput,
  type StepPlan,
} from '@zen/batching';
import { GREEDY } from '@zen/engine';

export interface DraftedAnswer {
  tokens: number[];
  /** From the first token to the last. */
  decodeMs: number;
  /** Steps that checked a draft, guesses checked in them, and what came out. */
  draftedSteps: number;
  drafted: number;
  kept: number;
  /** Guesses that were looked at: those that came out, and of each step the first that did not. */
  judged: number;
  /** Median time of steps with and without a draft. */
  draftedStepMs: number[];
  plainStepMs: number[];
}

/** One scheduler over the engine, as in a thinker; what it learns of costs it keeps from answer to answer. */
export class DraftingServer {
  private readonly scheduler: Scheduler;

  constructor(
    private readonly backend: StepBackend,
    speculation: Speculation,
    topStage: number,
    contextTokens: number,
  ) {
    const limits = { ...DEFAULT_LIMITS, contextTokens, speculation };
    this.scheduler = new Scheduler(backend, limits, () => undefined);
    this.scheduler.setTopStage(topStage);
  }

  /** Measures steps of a stage by their rows, as a thinker does while it is idle. */
  async measure(stage: number, prompt: Int32Array): Promise<void> {
    const sequence = this.backend.createSequence(GREEDY);
    const step = async (tokens: Int32Array, guesses: number) => {
      const draft = guesses === 0 ? null : { tokens: prompt.subarray(0, guesses) };
      const started = performance.now();
      await this.backend.step([{ sequence, tokens, embeddings: null, stage, sample: true, draft }]);
      return (performance.now() - started) * 1000;
    };
    await step(prompt.subarray(0, 64), 0);
    for (const guesses of [0, 0, 1, 3, 7, 15]) {
      const elapsedUs = await step(prompt.subarray(0, 1), guesses);
      const measure = { stage, decodes: 1, promptTokens: 0, elapsedUs };
      this.scheduler.observe(measure, performance.now() * 1000, 1 + guesses);
    }
    this.backend.freeSequence(sequence);
  }

  async answer(prompt: Int32Array, stopTokens: Int32Array, maxTokens: number): Promise<DraftedAnswer> {
    const sampling = { ...GREEDY, stopTokens };
    const generation = this.scheduler.submit(
      {
        tenant: '',
        priority: 'normal',
        prompt: { kind: 'tokens', tokens: prompt },
        sampling,
        maxTokens,
        stage: null,
        deadlineUs: Number.POSITIVE_INFINITY,
      },
      performance.now() * 1000,
    );
    const answer: DraftedAnswer = {
      tokens: [],
      decodeMs: 0,
      draftedSteps: 0,
      drafted: 0,
      kept: 0,
      judged: 0,
      draftedStepMs: [],
      plainStepMs: [],
    };
    const reading = (async () => {
      for await (const events of generation) {
        for (const event of events) if (event.type === 'token') answer.tokens.push(event.token);
      }
    })();
    let first = 0;
    for (;;) {
      const started = performance.now();
      const plan = this.scheduler.plan(started * 1000);
      if (plan === null) break;
      const outputs = await this.backend.step(plan.items);
      const ended = performance.now();
      this.scheduler.complete(plan, outputs, (ended - started) * 1000, ended * 1000);
      if (first > 0) note(answer, plan, outputs, ended - started);
      else if (outputs[0] !== undefined && outputs[0].token >= 0) first = ended;
      answer.decodeMs = ended - first;
    }
    await reading;
    return answer;
  }
}

function note(
  answer: DraftedAnswer,
  { items }: StepPlan,
  outputs: Pick<StepOutput, 'kept'>[],
  elapsedMs: number,
): void {
  const draft = items[0]?.draft ?? null;
  const kept = outputs[0]?.kept.length ?? 0;
  if (draft === null) {
    answer.plainStepMs.push(elapsedMs);
    return;
  }
  const count = 'tokens' in draft ? draft.tokens.length : draft.count;
  answer.draftedSteps++;
  answer.drafted += count;
  answer.kept += kept;
  answer.judged += Math.min(kept + 1, count);
  answer.draftedStepMs.push(elapsedMs);
}
