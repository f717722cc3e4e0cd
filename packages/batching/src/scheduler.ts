import { admit } from './admission';
import { answerLimit } from './answer-limit';
import { comeBack, expertAway, sendAway } from './away';
import { BatchingError } from './batching-error';
import type { StepMeasure } from './cost-model';
import { type Finished, Generation } from './generation';
import { KvMemory } from './kv-memory';
import type { BatchRequest, Limits } from './request';
import { type SchedulerLoad, sequenceLoad } from './scheduler-load';
import { ranked, Sequence } from './sequence';
import { draftStep } from './speculation/draft-step';
import { Speculator } from './speculation/speculator';
import { StageChoice } from './stage-choice';
import { addFalls, type StepBackend, type StepItem, type StepOutput } from './step-backend';
import { StepCosts } from './step-costs';
import { composeStep, type PlannedItem } from './step-plan';
import { TenantClock } from './tenant-clock';

/** A step to run on the backend; hand its outcome to `complete` or `fail`. */
export interface StepPlan {
  items: StepItem[];
  planned: readonly PlannedItem[];
}

const NO_TOKENS = new Int32Array(0);

/**
 * One continuous batch over one backend. Its owner calls `plan`, runs the step, and reports with `complete`;
 * `onWork` says that a call of `plan` may find something to do. Time comes in as an argument, in microseconds.
 */
export class Scheduler {
  private readonly live = new Set<Sequence>();
  /** Ended sequences whose handles are freed when no step runs. */
  private readonly leftovers: Sequence[] = [];
  private readonly clock = new TenantClock();
  private readonly memory: KvMemory;
  private readonly costs = new StepCosts();
  private readonly speculator: Speculator;
  /** As of the last time no step ran: the backend must not be asked during one. */
  private kv: ReturnType<StepBackend['kv']>;
  private submitted = 0;
  private readonly stages = new StageChoice();
  private lastMixed = { endedUs: 0, elapsedUs: 0 };
  private closed = false;

  constructor(
    private readonly backend: StepBackend,
    readonly limits: Limits,
    private readonly onWork: () => void,
  ) {
    if (limits.stepTokens < 2 * limits.maxRunning) {
      throw new RangeError(
        `stepTokens: ${limits.stepTokens}, must be at least 2 * maxRunning (${limits.maxRunning})`,
      );
    }
    this.memory = new KvMemory(backend);
    this.kv = backend.kv();
    this.speculator = new Speculator(limits.speculation, this.costs.rows);
  }

  /** Longest sequence that fits context and KV cache, tokens. */
  get contextTokens(): number {
    return Math.min(this.limits.contextTokens, this.kv.blocksTotal * this.backend.blockTokens);
  }

  /** The stage of sequences that name none, from their next step on, as far as their requests allow it. */
  setTopStage(stage: number): void {
    this.stages.top = stage;
  }

  /**
   * The bytes of this stage are bad: nothing that was computed with it or above is used any more, neither KV nor
   * what a running step gives. Sequences go on with `top`, or end where they may not; null: no stage may answer.
   */
  dropStage(stage: number, top: number | null): void {
    for (const [sequence, error] of this.stages.lose(stage, top, this.live)) this.end(sequence, error);
    this.onWork();
  }

  /** Experts may be had again that could not: whoever waits for one is tried at the next step. */
  expertsMoved(): void {
    for (const one of this.live) if (one.state === 'away') one.retryAtUs = 0;
    this.onWork();
  }

  /** Queues a request; throws a BatchingError that names the limit it breaks. */
  submit(request: BatchRequest, nowUs: number): Generation {
    if (this.closed) throw new BatchingError('closed', 'the server is shutting down');
    const most = this.limits.maxRunning + this.limits.maxWaiting;
    if (this.live.size >= most)
      throw new BatchingError('queue-full', `queue: ${most} requests are in progress, the limit`);
    const generation: Generation = new Generation({
      taken: () => this.unpark(sequence),
      cancel: () => this.finish(sequence, 'cancelled', -1),
    });
    const maxTokens = answerLimit(request, this.contextTokens);
    const sequence = new Sequence(this.submitted++, request, maxTokens, nowUs, generation);
    this.live.add(sequence);
    this.clock.arrive(request.tenant);
    this.onWork();
    return generation;
  }

  /** What to compute next, or null if there is nothing to do before `onWork` or `nextDeadlineUs`. */
  plan(nowUs: number): StepPlan | null {
    this.freeLeftovers();
    this.restartLost();
    this.kv = this.backend.kv();
    this.expire(nowUs);
    this.park(nowUs);
    comeBack(this.live, nowUs);
    this.memory.reset();
    const { live, limits, clock, memory } = this;
    admit({ live, limits, clock, memory, nowUs, enter: (sequence) => this.enter(sequence, nowUs) });
    const running = [...live].filter((one) => one.state === 'running');
    const planned = composeStep({
      running,
      holders: live,
      limits,
      clock,
      memory,
      nowUs,
      lastMixed: this.lastMixed,
      mixedPromptTokens: (decodes) =>
        this.costs.promptTokensWithin(limits.mixedStepUs, this.stages.top, decodes, nowUs),
    });
    if (planned.length > 0) {
      draftStep(planned, this.speculator, limits, memory, (sequence) => this.stages.of(sequence));
      return { planned, items: planned.map((item) => this.item(item)) };
    }
    const [stuck] = ranked(running, nowUs, limits);
    if (!stuck) return null;
    this.exhausted(stuck);
    return this.plan(nowUs);
  }

  /** The outcome of a plan, and how long its step took. */
  complete(
    { planned, items }: StepPlan,
    outputs: readonly StepOutput[],
    elapsedUs: number,
    nowUs: number,
  ): void {
    if (outputs.every(({ status }) => status === 'ok')) {
      const parts = planned.map(({ sequence, count }, i) => {
        const { stage, draft } = items[i] as StepItem;
        return { stage, count, decoding: sequence.decoding, draft };
      });
      this.costs.measure(parts, elapsedUs, nowUs);
    }
    const mixed = new Set(planned.map(({ sequence }) => sequence.decoding)).size > 1;
    if (mixed) this.lastMixed = { endedUs: nowUs, elapsedUs };
    const short: Sequence[] = [];
    planned.forEach(({ sequence }, i) => {
      const output = outputs[i] as StepOutput;
      if (sequence.state === 'ended' || sequence.lost) return;
      if (output.status === 'noKv') short.push(sequence);
      else if (output.status === 'notFinite') this.end(sequence, notFinite());
      else if (output.status === 'noExpert') sendAway(sequence, nowUs);
      else this.advance(sequence, items[i] as StepItem, output);
    });
    const first = short.find(({ state }) => state !== 'ended');
    if (first) this.outOfKv(first, planned.length === 1, nowUs);
    this.kv = this.backend.kv();
  }

  /** The step of this plan failed: so do its sequences, and nothing else. */
  fail({ planned }: StepPlan, cause: unknown): void {
    for (const { sequence } of planned) {
      if (!sequence.lost) this.end(sequence, new BatchingError('backend', 'the step failed', { cause }));
    }
  }

  /** Ends everything; nothing is accepted any more. Handles are freed by the next `plan`. */
  close(): void {
    this.closed = true;
    for (const one of this.live) this.end(one, new BatchingError('closed', 'the server is shutting down'));
    this.onWork();
  }

  /** Whether any request is in progress. */
  get busy(): boolean {
    return this.live.size > 0;
  }

  /** The next time at which `plan` has to look although nothing else happens; Infinity for none. */
  nextDeadlineUs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { request, state, parkedAtUs, retryAtUs } of this.live) {
      next = Math.min(next, request.deadlineUs);
      if (state === 'parked') next = Math.min(next, parkedAtUs + this.limits.stallUs);
      if (state === 'away') next = Math.min(next, retryAtUs);
    }
    return next;
  }

  /** As of `nowUs`; without it the costs are those after the last step. */
  load(nowUs?: number): SchedulerLoad {
    return {
      ...sequenceLoad(this.live),
      kvBlocksTotal: this.kv.blocksTotal,
      kvBlocksFree: this.kv.blocksFree,
      costs: this.costs.costs(nowUs),
      preemptions: this.memory.preemptions,
      drafts: this.speculator.counts,
    };
  }

  /** Notes what a step cost that ran outside of a plan: a measurement of a new stage. As StepCosts.observe. */
  observe(measure: StepMeasure, nowUs: number, rows?: number): void {
    this.costs.observe(measure, nowUs, rows);
  }

  /** Gives the sequence a handle and what the prefix cache has. */
  private enter(sequence: Sequence, nowUs: number): boolean {
    const { request, generation } = sequence;
    const stage = this.stages.enter(sequence);
    try {
      sequence.handle ??= this.backend.createSequence(
        request.sampling,
        Int32Array.from(sequence.sampled),
        request.identity,
      );
      const leading = sequence.computed === 0 ? sequence.leadingTokens() : NO_TOKENS;
      if (leading.length > 0) {
        sequence.computed = this.backend.matchPrefix(sequence.handle, stage, leading);
        if (sequence.computed > 0) sequence.kvStage = stage;
      }
    } catch (cause) {
      this.end(sequence, new BatchingError('backend', 'the sequence could not start', { cause }));
      return false;
    }
    sequence.state = 'running';
    if (!sequence.started) {
      sequence.started = true;
      sequence.cachedTokens = Math.min(sequence.computed, sequence.promptLength);
      const { promptLength: promptTokens, cachedTokens } = sequence;
      const queueUs = nowUs - sequence.submittedUs;
      generation.push({ type: 'started', stage, promptTokens, cachedTokens, queueUs });
    }
    return true;
  }

  private item({ sequence, count, draft }: PlannedItem): StepItem {
    const stage = this.stages.of(sequence);
    sequence.kvStage = Math.max(sequence.kvStage, stage);
    return { ...sequence.item(count, stage, sequence.handle as number), draft };
  }

  private advance(sequence: Sequence, item: StepItem, output: StepOutput): void {
    const { request, generation, sampled } = sequence;
    const width = request.prompt.kind === 'tokens' ? 1 : request.prompt.width;
    sequence.misses = 0;
    sequence.expertFalls = addFalls(sequence.expertFalls, output.expertFalls);
    sequence.computed += item.embeddings === null ? item.tokens.length : item.embeddings.length / width;
    if (!item.sample) return;
    if (request.prefillOnly) {
      this.finish(sequence, 'length', -1);
      return;
    }
    const { kept, finish, stopIndex } = output;
    sequence.computed += kept.length;
    // The step charged for one token.
    this.clock.charge(request.tenant, kept.length / sequence.weight);
    for (const { token, logprob, topTokens, topLogprobs } of [...kept, output]) {
      sampled.push(token);
      const { expertFalls } = sequence;
      generation.push({
        type: 'token',
        token,
        logprob,
        topTokens,
        topLogprobs,
        stage: item.stage,
        expertFalls,
      });
    }
    this.speculator.sampled(sequence, item.draft, kept.length, sampled.slice(-1 - kept.length));
    if (finish !== 'none') this.finish(sequence, finish, stopIndex);
    else if (sampled.length >= sequence.maxTokens) this.finish(sequence, 'length', -1);
  }

  /** The backend had less than the accounting says: the lowest ranked gives way. */
  private outOfKv(sequence: Sequence, alone: boolean, nowUs: number): void {
    const holders = ranked(this.live, nowUs, this.limits).filter((one) => one.computed > 0);
    const last = holders.at(-1);
    if (last && last !== sequence) this.memory.preempt(last);
    else if (alone && holders.length <= 1) this.exhausted(sequence);
    else this.memory.preempt(sequence);
  }

  private exhausted(sequence: Sequence): void {
    const { blocksTotal } = this.kv;
    const blocks = this.memory.blocks(sequence.length);
    this.end(
      sequence,
      new BatchingError('kv-exhausted', `kv: ${blocks} blocks needed, limit ${blocksTotal}`),
    );
  }

  private expire(nowUs: number): void {
    for (const one of this.live) {
      if (one.request.deadlineUs <= nowUs) {
        if (one.misses > 0) this.end(one, expertAway());
        else this.finish(one, 'deadline', -1);
      } else if (one.state === 'parked' && one.parkedAtUs + this.limits.stallUs <= nowUs) {
        const message = `the client took nothing for ${this.limits.stallUs / 1e6} s, the limit`;
        this.end(one, new BatchingError('stalled', message));
      }
    }
  }

  private park(nowUs: number): void {
    for (const one of this.live) {
      if (one.state !== 'running' || one.generation.unread < this.limits.maxUnread) continue;
      one.state = 'parked';
      one.parkedAtUs = nowUs;
    }
  }

  private unpark(sequence: Sequence): void {
    if (sequence.state !== 'parked') return;
    sequence.state = 'waiting';
    this.onWork();
  }

  private finish(sequence: Sequence, reason: Finished['reason'], stopIndex: number): void {
    if (sequence.state === 'ended') return;
    const { promptLength: promptTokens, cachedTokens } = sequence;
    const completionTokens = sequence.sampled.length;
    sequence.generation.push({
      type: 'finished',
      reason,
      stopIndex,
      promptTokens,
      cachedTokens,
      completionTokens,
      draftTokens: sequence.drafting?.drafted ?? 0,
      acceptedDraftTokens: sequence.drafting?.accepted ?? 0,
      expertFalls: sequence.expertFalls,
    });
    this.release(sequence);
  }

  private end(sequence: Sequence, error: Error): void {
    if (sequence.state === 'ended') return;
    sequence.generation.fail(error);
    this.release(sequence);
  }

  private release(sequence: Sequence): void {
    sequence.state = 'ended';
    this.live.delete(sequence);
    this.clock.leave(sequence.request.tenant);
    this.leftovers.push(sequence);
    this.onWork();
  }

  /** Takes sequences whose KV is bad out of the batch; a new handle counts again what they have sampled. */
  private restartLost(): void {
    for (const one of this.live) {
      if (!one.lost) continue;
      if (one.handle !== null) this.backend.freeSequence(one.handle);
      one.restart();
    }
  }

  private freeLeftovers(): void {
    for (const { handle } of this.leftovers.splice(0)) if (handle !== null) this.backend.freeSequence(handle);
  }
}

const notFinite = () =>
  new BatchingError('not-finite', 'the logits of this sequence are no numbers: a stage or its delta is bad');
