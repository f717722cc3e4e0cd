import { ExpertFailure, type RunExpertsRequest, type RunExpertsResponse } from '@zen/contracts';
import type { ExpertOutputs, ExpertRows } from '@zen/engine';
import { readCall } from '../request/read-call';
import { CallRoom } from './call-room';
import { CallRunner } from './call-runner';
import { RunStream } from './run-stream';

const COLUMNS = 32;

/** An engine whose runs end when the test says so; its outputs are the rows as they came, one for a pair. */
class HeldEngine {
  readonly runs: { call: ExpertRows; end(): void; fail(error: Error): void }[] = [];

  run(call: ExpertRows): Promise<ExpertOutputs> {
    return new Promise((resolve, reject) => {
      const end = () => {
        const outputs = Buffer.concat([...call.pairs].map((row) => row4(call.rows, row)));
        resolve({ outputs, computeUs: 5 });
      };
      this.runs.push({ call, end, fail: reject });
    });
  }
}

const row4 = (rows: Uint8Array, row: number) => rows.subarray(row * COLUMNS * 4, (row + 1) * COLUMNS * 4);

/** Requests that the test pushes, and the answers that came. */
class Bench {
  readonly engine = new HeldEngine();
  readonly room: CallRoom;
  readonly answers: RunExpertsResponse[] = [];
  readonly closing = new AbortController();
  nowUs = 0;
  over: Promise<unknown>;
  private readonly queue: RunExpertsRequest[] = [];
  private wake = () => {};
  private ended = false;

  constructor(calls = 10, bytes = 2 ** 20, held = new Set([0, 1, 2])) {
    this.room = new CallRoom({ calls, bytes });
    const missing = ({ rows }: { rows: ExpertRows }) =>
      [...rows.experts].every((expert) => held.has(expert)) ? null : 'experts: not held';
    const runner = new CallRunner(this.engine, missing, { answerBytes: 2 ** 20 }, () => this.nowUs);
    const limits = { layers: 2, experts: 4, hiddenSize: COLUMNS, answerBytes: 2 ** 20 };
    const stream = new RunStream({
      start: (...call) => runner.start(...call),
      room: this.room,
      read: (request) => readCall(request, limits),
      closing: this.closing.signal,
      nowUs: () => this.nowUs,
      ended: () => {},
      failed: () => {},
    });
    this.over = this.read(stream).catch((error: unknown) => error);
  }

  private async read(stream: RunStream): Promise<null> {
    for await (const answer of stream.answers(this.requests())) this.answers.push(answer);
    return null;
  }

  private async *requests() {
    for (;;) {
      const next = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      for (let one = this.queue.shift(); one; one = this.queue.shift()) yield one;
      if (this.ended) return;
      await next;
    }
  }

  async send(...requests: Partial<RunExpertsRequest>[]): Promise<void> {
    this.queue.push(...requests.map(request));
    this.wake();
    await turn();
  }

  async end(): Promise<void> {
    this.ended = true;
    this.wake();
    await turn();
  }

  get said() {
    return this.answers.map(({ id, failure }) => [Number(id), failure]);
  }
}

/** Everything that can happen without the engine has happened. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A call of one row with expert 0. */
function request(change: Partial<RunExpertsRequest>): RunExpertsRequest {
  return {
    id: 1n,
    cancel: false,
    layer: 0,
    stage: 0,
    encoding: 1,
    rows: Buffer.alloc(COLUMNS * 4, Number(change.id ?? 1n)),
    scales: Buffer.alloc(0),
    experts: [0],
    counts: [1],
    pairs: [0],
    answerEncoding: 1,
    deadlineUs: 0,
    ...change,
  };
}

const { EXPERT_FAILURE_UNSPECIFIED: OK } = ExpertFailure;

describe('a Run stream', () => {
  test('answers each call when it is ready, with its own outputs', async () => {
    const bench = new Bench();
    await bench.send({ id: 1n }, { id: 2n });
    expect(bench.engine.runs).toHaveLength(2);
    bench.engine.runs[1]!.end();
    await turn();
    bench.engine.runs[0]!.end();
    await turn();
    expect(bench.said).toEqual([
      [2, OK],
      [1, OK],
    ]);
    expect(bench.answers.map(({ outputs }) => outputs[0])).toEqual([2, 1]);
    expect(bench.room.calls).toBe(0);
    await bench.end();
    expect(await bench.over).toBeNull();
  });

  test('runs what had to wait together, where it is of one layer and stage', async () => {
    const bench = new Bench();
    await bench.send({ id: 1n }, { id: 2n }, { id: 3n }, { id: 4n, layer: 1 }, { id: 5n, experts: [2] });
    bench.engine.runs[0]!.end();
    await turn();
    const { call } = bench.engine.runs[2]!;
    expect([...call.experts]).toEqual([0, 2]);
    for (const run of bench.engine.runs.slice(1)) run.end();
    await turn();
    bench.engine.runs[3]!.end();
    await turn();
    expect(bench.engine.runs).toHaveLength(4);
    expect(new Map(bench.answers.map(({ id, outputs }) => [Number(id), outputs[0]]))).toEqual(
      new Map([1, 2, 3, 4, 5].map((id) => [id, id])),
    );
  });

  test('says busy beyond its room, and has room again once answers have left', async () => {
    const bench = new Bench(2);
    await bench.send({ id: 1n }, { id: 2n }, { id: 3n });
    expect(bench.said).toEqual([[3, ExpertFailure.EXPERT_FAILURE_BUSY]]);
    bench.engine.runs[0]!.end();
    await turn();
    await bench.send({ id: 4n });
    bench.engine.runs[1]!.end();
    await turn();
    bench.engine.runs[2]!.end();
    await turn();
    expect(bench.said.slice(1)).toEqual([
      [1, OK],
      [2, OK],
      [4, OK],
    ]);
    const small = new Bench(10, 300);
    await small.send({ id: 1n }, { id: 2n });
    expect(small.said).toEqual([[2, ExpertFailure.EXPERT_FAILURE_BUSY]]);
  });

  test('forgets a cancelled call, and keeps its room until the engine is done with it', async () => {
    const bench = new Bench();
    await bench.send({ id: 1n }, { id: 2n }, { id: 3n });
    expect(bench.room.calls).toBe(3);
    await bench.send({ id: 3n, cancel: true }, { id: 1n, cancel: true }, { id: 77n, cancel: true });
    expect(bench.room.calls).toBe(2);
    for (const run of bench.engine.runs) run.end();
    await turn();
    expect(bench.said).toEqual([[2, OK]]);
    expect(bench.room.calls).toBe(0);
    // Its number is free again.
    await bench.send({ id: 1n });
    bench.engine.runs.at(-1)!.end();
    await turn();
    expect(bench.said).toEqual([
      [2, OK],
      [1, OK],
    ]);
  });

  test('gives up at the deadline, also while the engine is at it', async () => {
    const bench = new Bench();
    await bench.send({ id: 1n, deadlineUs: 1000 }, { id: 2n }, { id: 3n, deadlineUs: 1000 });
    while (bench.answers.length < 2) await turn();
    expect(bench.said).toEqual([
      [1, ExpertFailure.EXPERT_FAILURE_DEADLINE],
      [3, ExpertFailure.EXPERT_FAILURE_DEADLINE],
    ]);
    for (const run of bench.engine.runs) run.end();
    await turn();
    expect(bench.engine.runs).toHaveLength(2);
    expect(bench.said[2]).toEqual([2, OK]);
    expect(bench.answers[0]!.message).toMatch(/^deadline_us: /);
  });

  test('names what is not held, what is invalid, and a fault of the engine', async () => {
    const bench = new Bench();
    await bench.send({ id: 1n, experts: [3] }, { id: 2n, layer: 2 }, { id: 3n });
    bench.engine.runs[0]!.fail(new Error('no memory'));
    await turn();
    expect(bench.answers.map(({ failure, message }) => [failure, message])).toEqual([
      [ExpertFailure.EXPERT_FAILURE_NOT_HELD, 'experts: not held'],
      [ExpertFailure.EXPERT_FAILURE_INVALID, 'layer: 2 must be below 2'],
      [ExpertFailure.EXPERT_FAILURE_NOT_HELD, 'no memory'],
    ]);
  });

  test('ends with a number that is used twice', async () => {
    const bench = new Bench();
    await bench.send({ id: 1n }, { id: 1n });
    expect(await bench.over).toMatchObject({ failure: 'invalid', message: expect.stringMatching(/^id: 1 /) });
    bench.engine.runs[0]!.end();
    await turn();
    expect(bench.room.calls).toBe(0);
  });

  test('closes when what runs is answered, and takes nothing new', async () => {
    const bench = new Bench();
    await bench.send({ id: 1n });
    bench.closing.abort();
    await bench.send({ id: 2n });
    expect(bench.said).toEqual([[2, ExpertFailure.EXPERT_FAILURE_DRAINING]]);
    bench.engine.runs[0]!.end();
    expect(await bench.over).toBeNull();
    expect(bench.said[1]).toEqual([1, OK]);
  });
});
