import { EngineError, type ExpertOutputs, type NativeExperts } from '@zen/engine';
import type { ReadCall } from '../request/read-call';
import { mergeCalls } from './merge-calls';

export type CallFailure = 'not-held' | 'deadline' | 'invalid' | 'failed';

export type CallOutcome =
  | { kind: 'done'; outputs: Uint8Array; computeUs: number }
  | { kind: 'failed'; failure: CallFailure; message: string }
  /** Nobody waits for it, and nothing of it is in memory any more. */
  | { kind: 'forgotten' };

interface Waiting extends ReadCall {
  /** On the clock of `nowUs`; Infinity for never. */
  deadlineUs: number;
  done(outcome: CallOutcome): void;
  over: boolean;
  forgotten: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Runs that the engine has at once: it computes one, and finds the next one there when it is ready. */
const DEPTH = 2;
/** Rows, and pairs, that run together at most: a call alone may have more pairs. */
const MOST_TOGETHER = 65_536;

/**
 * Hands calls to the engine in the order in which they came. Those that must wait are run together with others of the
 * same layer, stage and encoding: each expert's weights are then read once for all of them. Rows do not depend on each
 * other, so nobody's outputs change.
 */
export class CallRunner {
  private readonly queue: Waiting[] = [];
  private running = 0;
  /** Calls that were run together with others, and all that were run. */
  merged = 0;
  ran = 0;

  constructor(
    private readonly engine: Pick<NativeExperts, 'run'>,
    /** Which expert of the call is not there, and why; null where all are. */
    private readonly missing: (call: ReadCall) => string | null,
    private readonly limits: { answerBytes: number },
    private readonly nowUs: () => number,
  ) {}

  /** `done` is called once. The returned function forgets the call, at once where it still waits. */
  start(call: ReadCall, deadlineUs: number, done: (outcome: CallOutcome) => void): () => void {
    const waiting: Waiting = { ...call, deadlineUs, done, over: false, forgotten: false, timer: undefined };
    this.queue.push(waiting);
    this.pump();
    if (!waiting.over && Number.isFinite(deadlineUs)) {
      const waitMs = Math.min(2 ** 31 - 1, Math.max(0, Math.ceil((deadlineUs - this.nowUs()) / 1000)));
      waiting.timer = setTimeout(() => finish(waiting, LATE), waitMs);
    }
    return () => {
      waiting.forgotten = true;
      const index = this.queue.indexOf(waiting);
      if (index < 0) return;
      this.queue.splice(index, 1);
      finish(waiting, FORGOTTEN);
    };
  }

  private pump(): void {
    while (this.running < DEPTH) {
      const calls = this.next();
      if (calls.length === 0) return;
      this.running += 1;
      void this.run(calls).finally(() => {
        this.running -= 1;
        this.pump();
      });
    }
  }

  /** The first call that can run, and what can run with it. */
  private next(): Waiting[] {
    const taken: Waiting[] = [];
    const sum = { rows: 0, pairs: 0, bytes: 0 };
    for (let index = 0; index < this.queue.length; ) {
      const call = this.queue[index]!;
      const after = {
        rows: sum.rows + call.rowCount,
        pairs: sum.pairs + call.rows.pairs.length,
        bytes: sum.bytes + call.answerBytes,
      };
      const [first] = taken;
      if (first && !(isAlike(first, call) && this.fits(after))) {
        index += 1;
        continue;
      }
      this.queue.splice(index, 1);
      if (call.over) continue;
      if (call.deadlineUs <= this.nowUs()) {
        finish(call, LATE);
        continue;
      }
      const missing = this.missing(call);
      if (missing !== null) {
        finish(call, { kind: 'failed', failure: 'not-held', message: missing });
        continue;
      }
      taken.push(call);
      Object.assign(sum, after);
    }
    return taken;
  }

  private fits({ rows, pairs, bytes }: { rows: number; pairs: number; bytes: number }): boolean {
    return Math.max(rows, pairs) <= MOST_TOGETHER && bytes <= this.limits.answerBytes;
  }

  private async run(calls: Waiting[]): Promise<void> {
    const [first] = calls as [Waiting];
    this.ran += calls.length;
    if (calls.length > 1) this.merged += calls.length;
    const together = mergeCalls(calls.map(({ rows, rowCount: count }) => ({ rows, count })));
    let outputs: ExpertOutputs;
    try {
      outputs = await this.engine.run(together.rows, first.answer);
    } catch (error) {
      for (const call of calls) finish(call, this.failure(call, error));
      return;
    }
    const parts = together.split(outputs.outputs);
    for (const [index, call] of calls.entries()) {
      finish(call, { kind: 'done', outputs: parts[index]!, computeUs: outputs.computeUs });
    }
  }

  private failure(call: Waiting, error: unknown): CallOutcome {
    const message = (error as Error).message;
    // Let go between the question and the run.
    const missing = this.missing(call);
    if (missing !== null) return { kind: 'failed', failure: 'not-held', message: missing };
    if (!(error instanceof EngineError)) return { kind: 'failed', failure: 'failed', message };
    return { kind: 'failed', failure: error.failure.name === 'held' ? 'not-held' : 'invalid', message };
  }
}

const FORGOTTEN: CallOutcome = { kind: 'forgotten' };
const LATE: CallOutcome = { kind: 'failed', failure: 'deadline', message: 'deadline_us: it has passed' };

function finish(call: Waiting, outcome: CallOutcome): void {
  if (call.over) return;
  call.over = true;
  clearTimeout(call.timer);
  call.done(call.forgotten ? FORGOTTEN : outcome);
}

function isAlike(a: ReadCall, b: ReadCall): boolean {
  return (
    a.answer === b.answer &&
    a.rows.layer === b.rows.layer &&
    a.rows.stage === b.rows.stage &&
    a.rows.encoding === b.rows.encoding
  );
}
