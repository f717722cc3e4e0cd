import { DEFAULT_LIMITS, type Generation, Scheduler, type StepPlan } from '@zen/batching';
import { GREEDY, type NativeModel } from '@zen/engine';
import { backendOf } from '../engine-steps';
import { median, quantile } from '../report';

/** Answers that run while stages come and go. */
const STREAMS = 4;
const PROMPT_TOKENS = 16;
const ANSWER_TOKENS = 900;
/** Steps at one stage between two changes: what an attach is compared with. */
const BETWEEN = 4;

export interface ClimbFigures {
  climbs: number;
  tokens: number;
  answers: number;
  /** Answers that broke off. */
  dropped: number;
  /** For each attached stage: milliseconds of the median step without an attach, and of the longest during one. */
  stages: { stage: number; attachMs: number; medianMs: number; longestMs: number; worstMs: number }[];
  /** The longest step during any attach, by the median step at the same stage without one. */
  worstRatio: number;
  /** Ninety-nine of a hundred attaches, and half of them, had no longer one than this. */
  p99Ratio: number;
  medianRatio: number;
  /** The longest step without an attach, by the median of its stage: what the machine does by itself. */
  quietRatio: number;
}

interface Step {
  ms: number;
  top: number;
  /** Which attach it overlapped, -1 for none. */
  attach: number;
}

/**
 * Climbs from stage 0 to the top again and again under running answers, in one process. Between climbs every
 * answer moves to stage 0 and the upper stages are let go.
 */
export async function climbAgain(
  model: NativeModel,
  paths: readonly string[],
  count: number,
): Promise<ClimbFigures> {
  const load = new Load(model);
  const top = paths.length - 1;
  const attaches: { stage: number; ms: number }[] = [];
  const running = load.run();
  for (let climb = 0; climb < count && !load.failed; climb++) {
    load.scheduler.setTopStage(0);
    load.top = 0;
    await load.steps(2);
    model.detachStage(1);
    await load.steps(BETWEEN);
    for (let stage = 1; stage <= top; stage++) {
      const started = performance.now();
      load.attach = attaches.length;
      await model.attachStage(stage, paths[stage] as string);
      attaches.push({ stage, ms: performance.now() - started });
      load.attach = -1;
      load.scheduler.setTopStage(stage);
      load.top = stage;
      await load.steps(BETWEEN);
    }
  }
  await load.stop();
  await running;
  return figures(load, attaches, count);
}

function figures(load: Load, attaches: { stage: number; ms: number }[], climbs: number): ClimbFigures {
  const quiet = (top: number) =>
    load.seen.filter((step) => step.attach < 0 && step.top === top).map(({ ms }) => ms);
  const base = [0, 1, 2, 3].map((top) => median(quiet(top)));
  const longest = attaches.map(({ stage, ms }, i) => {
    const during = load.seen.filter(({ attach }) => attach === i).map(({ ms: step }) => step);
    return {
      stage,
      attachMs: ms,
      ms: Math.max(0, ...during),
      ratio: Math.max(0, ...during) / (base[stage - 1] ?? Number.NaN),
    };
  });
  const ratios = longest.map(({ ratio }) => ratio);
  const stages = [...new Set(attaches.map(({ stage }) => stage))].map((stage) => {
    const own = longest.filter((one) => one.stage === stage);
    return {
      stage,
      attachMs: median(own.map(({ attachMs }) => attachMs)),
      medianMs: base[stage - 1] ?? Number.NaN,
      longestMs: median(own.map(({ ms }) => ms)),
      worstMs: Math.max(...own.map(({ ms }) => ms)),
    };
  });
  return {
    climbs,
    tokens: load.tokens,
    answers: load.answers,
    dropped: load.dropped,
    stages,
    worstRatio: Math.max(...ratios),
    p99Ratio: quantile(ratios, 0.99),
    medianRatio: median(ratios),
    quietRatio: Math.max(...base.map((ms, top) => Math.max(...quiet(top)) / ms)),
  };
}

/** Answers without an end, computed by one scheduler as a thinker does it. */
class Load {
  readonly scheduler: Scheduler;
  readonly seen: Step[] = [];
  top = 0;
  attach = -1;
  tokens = 0;
  answers = 0;
  dropped = 0;
  failed = false;
  private stopping = false;
  private waiting: { left: number; resolve: () => void } | null = null;

  constructor(private readonly model: NativeModel) {
    const limits = { ...DEFAULT_LIMITS, contextTokens: 1024, speculation: 'off' as const };
    this.scheduler = new Scheduler(backendOf(model), limits, () => undefined);
    for (let i = 0; i < STREAMS; i++) void this.stream(i);
  }

  async run(): Promise<void> {
    for (;;) {
      const plan = this.scheduler.plan(performance.now() * 1000);
      if (!plan) {
        if (this.stopping) return;
        await new Promise(setImmediate);
        continue;
      }
      await this.step(plan);
    }
  }

  /** Resolves after this many more steps. */
  steps(left: number): Promise<void> {
    if (this.failed) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting = { left, resolve };
    });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.scheduler.close();
  }

  private async step(plan: StepPlan): Promise<void> {
    const [before, top] = [this.attach, this.top];
    const started = performance.now();
    const outputs = await this.model.step(plan.items).catch((error: unknown) => {
      this.scheduler.fail(plan, error);
      return null;
    });
    const ended = performance.now();
    if (outputs) this.scheduler.complete(plan, outputs, (ended - started) * 1000, ended * 1000);
    // A prompt's step is longer for its own reason.
    const decodes = plan.items.every(({ tokens }) => tokens.length === 1) && plan.items.length === STREAMS;
    const attach = Math.max(before, this.attach);
    if (decodes) this.seen.push({ ms: ended - started, top, attach });
    if (this.waiting && --this.waiting.left <= 0) {
      this.waiting.resolve();
      this.waiting = null;
    }
    await new Promise(setImmediate);
  }

  private async stream(salt: number): Promise<void> {
    while (!this.stopping) {
      const tokens = Int32Array.from(
        { length: PROMPT_TOKENS },
        (_, i) => 1000 + ((i * 31 + salt * 97 + this.answers) % 8000),
      );
      const generation: Generation = this.scheduler.submit(
        {
          tenant: 'bench',
          priority: 'normal',
          prompt: { kind: 'tokens', tokens },
          sampling: GREEDY,
          maxTokens: ANSWER_TOKENS,
          stage: null,
          deadlineUs: Number.POSITIVE_INFINITY,
        },
        performance.now() * 1000,
      );
      let got = 0;
      try {
        for await (const events of generation) got += events.filter(({ type }) => type === 'token').length;
        this.answers++;
        if (got !== ANSWER_TOKENS) this.drop();
      } catch {
        // The only failure that is none is the end of the benchmark.
        if (!this.stopping) this.drop();
      }
      this.tokens += got;
    }
  }

  private drop(): void {
    this.dropped++;
    // Every answer in a row that breaks off would go on for ever.
    if (this.dropped < 100) return;
    this.failed = true;
    this.waiting?.resolve();
  }
}
