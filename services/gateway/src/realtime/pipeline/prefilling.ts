import { randomUUID } from 'node:crypto';
import { Priority } from '@zen/contracts';
import type { Question } from '@zen/realtime';
import { readDeltaAsks } from '../../deltas/delta-wish';
import { GatewayError } from '../../gateway-error';
import { askOf } from './ask';
import type { Caller, PipelineParts } from './pipeline-parts';

/**
 * Computes the beginning of a question that is not asked yet, one at a time: what comes while one runs replaces what
 * waits. It counts against nobody's limits and is never seen; whatever refuses it is no error. After the last word it
 * goes on while the words are still being understood, and is cut when the question is asked.
 */
export class Prefilling {
  private next: Question | null = null;
  private running: AbortController | null = null;

  constructor(
    private readonly parts: PipelineParts,
    private readonly caller: Caller,
  ) {}

  want(question: Question): void {
    this.next = question;
    if (!this.running) void this.run();
  }

  /** The question is asked, or will not be: what is not computed yet would only stand in its way. */
  stop(): void {
    this.next = null;
    this.running?.abort();
  }

  private async run(): Promise<void> {
    while (this.next) {
      const question = this.next;
      this.next = null;
      const stopping = new AbortController();
      this.running = stopping;
      const outcome = await this.compute(question, stopping.signal);
      this.parts.metrics.prefilled(stopping.signal.aborted ? 'cut' : outcome);
      this.running = null;
    }
  }

  private async compute(question: Question, signal: AbortSignal): Promise<'done' | 'refused'> {
    const { parts, caller } = this;
    const { tenant, headers } = caller;
    try {
      const asks = { model: caller.model, header: headers['x-zen-delta'], user: undefined };
      const isModel = (name: string) => parts.fleet.isModel(name);
      const { model, delta: deltaWish } = readDeltaAsks(asks, tenant.userDelta, isModel);
      const about = { requestId: `prefill_${randomUUID()}`, tenant, carrier: {}, prefillOnly: true };
      // Answers go first.
      const priority = Priority.PRIORITY_BATCH;
      const asked = { ...askOf(question, headers), model, deltaWish, ...about, priority };
      const delta = await parts.deltas.resolve(asked, signal);
      const answer = await parts.answerer.start({ ...asked, delta }, signal);
      for await (const _ of answer.events);
      return 'done';
    } catch (error) {
      if (signal.aborted) return 'refused';
      const { failure } = GatewayError.from(error);
      if (failure === 'internal') parts.logger.error({ err: error }, 'a prefill failed');
      return 'refused';
    }
  }
}
