import { ExpertFailure, type RunExpertsRequest, type RunExpertsResponse } from '@zen/contracts';
import { ExpertError, invalid } from '../expert-error';
import type { ReadCall } from '../request/read-call';
import type { CallRoom } from './call-room';
import type { CallOutcome, CallRunner } from './call-runner';

/** How a call ended, for metrics. */
export type CallEnd = 'ok' | 'not_held' | 'deadline' | 'busy' | 'invalid' | 'draining' | 'failed';

/** What streams need of the pod. */
export interface RunningPod {
  /** See CallRunner. */
  start: CallRunner['start'];
  room: CallRoom;
  /** Throws an ExpertError. */
  read(request: RunExpertsRequest): ReadCall;
  /** Aborted once no new call is taken: streams end when what runs has been answered. */
  closing: AbortSignal;
  nowUs(): number;
  ended(end: CallEnd, pairs: number, computeUs: number, totalUs: number): void;
  failed(error: string): void;
}

type EndedCall = Exclude<CallOutcome, { kind: 'forgotten' }>;

interface Answer {
  response: RunExpertsResponse;
  leave: () => void;
}

const FAILURES: Record<Exclude<CallEnd, 'ok'>, ExpertFailure> = {
  not_held: ExpertFailure.EXPERT_FAILURE_NOT_HELD,
  deadline: ExpertFailure.EXPERT_FAILURE_DEADLINE,
  busy: ExpertFailure.EXPERT_FAILURE_BUSY,
  invalid: ExpertFailure.EXPERT_FAILURE_INVALID,
  draining: ExpertFailure.EXPERT_FAILURE_DRAINING,
  // A fault of ours: to the caller this pod cannot answer for its experts.
  failed: ExpertFailure.EXPERT_FAILURE_NOT_HELD,
};
const ENDS = { 'not-held': 'not_held', deadline: 'deadline', invalid: 'invalid', failed: 'failed' } as const;
const NOTHING = Buffer.alloc(0);
/** Answers that a caller may leave unread before its next calls are left unread, too. */
const MOST_READY = 1024;

/** One caller's stream: its calls, side by side, and their answers as they become ready. */
export class RunStream {
  private readonly running = new Map<bigint, () => void>();
  private readonly ready: Answer[] = [];
  private wake: () => void = () => undefined;
  /** An answer has left. */
  private taken: () => void = () => undefined;
  private over = false;
  private fault: unknown = null;

  constructor(private readonly pod: RunningPod) {}

  /**
   * Ends when the caller has ended its half and everything is answered, or when the pod closes and everything is
   * answered; left earlier, it forgets what runs.
   */
  async *answers(requests: AsyncIterable<RunExpertsRequest>): AsyncGenerator<RunExpertsResponse> {
    const { closing } = this.pod;
    const woken = () => this.wake();
    void this.take(requests);
    closing.addEventListener('abort', woken, { once: true });
    try {
      for (;;) {
        const next = new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        for (let answer = this.ready.shift(); answer; answer = this.ready.shift()) {
          try {
            yield answer.response;
          } finally {
            answer.leave();
            this.taken();
          }
        }
        if (this.fault !== null) throw this.fault;
        if (this.running.size === 0 && this.ready.length === 0 && (this.over || closing.aborted)) return;
        await next;
      }
    } finally {
      closing.removeEventListener('abort', woken);
      this.over = true;
      this.taken();
      for (const forget of this.running.values()) forget();
      for (const { leave } of this.ready.splice(0)) leave();
    }
  }

  private async take(requests: AsyncIterable<RunExpertsRequest>): Promise<void> {
    try {
      for await (const request of requests) {
        if (this.over) return;
        if (request.cancel) this.forget(request.id);
        else this.call(request);
        while (this.ready.length >= MOST_READY && !this.over) {
          await new Promise<void>((resolve) => {
            this.taken = resolve;
          });
        }
      }
    } catch (error) {
      this.fault = error;
    }
    this.over = true;
    this.wake();
  }

  private forget(id: bigint): void {
    const forget = this.running.get(id);
    this.running.delete(id);
    forget?.();
    this.wake();
  }

  private call(request: RunExpertsRequest): void {
    const { pod } = this;
    const { id } = request;
    const arrivedUs = pod.nowUs();
    if (this.running.has(id)) throw invalid('id', `${id} is running on this stream already`);
    if (pod.closing.aborted) {
      this.refuse(id, 'draining', 'the pod is going', arrivedUs);
      return;
    }
    let call: ReadCall;
    try {
      call = pod.read(request);
    } catch (error) {
      if (!(error instanceof ExpertError)) throw error;
      const end = error.failure === 'not-ready' ? 'not_held' : 'invalid';
      this.refuse(id, end, error.message, arrivedUs);
      return;
    }
    const leave = pod.room.enter(request.rows.length + request.scales.length + call.answerBytes);
    if (leave === null) {
      this.refuse(id, 'busy', 'more calls, or more bytes of calls, than the pod takes at once', arrivedUs);
      return;
    }
    const pairs = call.rows.pairs.length;
    const deadlineUs = request.deadlineUs === 0 ? Number.POSITIVE_INFINITY : arrivedUs + request.deadlineUs;
    let ended = false;
    const forget = pod.start(call, deadlineUs, (outcome) => {
      ended = true;
      if (outcome.kind === 'forgotten') {
        leave();
        return;
      }
      this.running.delete(id);
      this.push(this.answer(id, outcome, pairs, arrivedUs), leave);
    });
    // It may have failed at once.
    if (!ended) this.running.set(id, forget);
  }

  private answer(id: bigint, outcome: EndedCall, pairs: number, arrivedUs: number): RunExpertsResponse {
    const totalUs = Math.round(this.pod.nowUs() - arrivedUs);
    if (outcome.kind === 'failed') {
      if (outcome.failure === 'failed') this.pod.failed(outcome.message);
      return this.failure(id, ENDS[outcome.failure], outcome.message, totalUs);
    }
    const { computeUs, outputs } = outcome;
    this.pod.ended('ok', pairs, computeUs, totalUs);
    return {
      id,
      outputs: Buffer.from(outputs.buffer, outputs.byteOffset, outputs.byteLength),
      failure: ExpertFailure.EXPERT_FAILURE_UNSPECIFIED,
      message: '',
      computeUs: Math.round(computeUs),
      totalUs,
    };
  }

  private refuse(id: bigint, end: Exclude<CallEnd, 'ok'>, message: string, arrivedUs: number): void {
    this.push(this.failure(id, end, message, Math.round(this.pod.nowUs() - arrivedUs)), () => undefined);
  }

  private failure(
    id: bigint,
    end: Exclude<CallEnd, 'ok'>,
    message: string,
    totalUs: number,
  ): RunExpertsResponse {
    this.pod.ended(end, 0, 0, totalUs);
    return { id, outputs: NOTHING, failure: FAILURES[end], message, computeUs: 0, totalUs };
  }

  private push(response: RunExpertsResponse, leave: () => void): void {
    this.ready.push({ response, leave });
    this.wake();
  }
}
