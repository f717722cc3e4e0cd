import type { RunExpertsResponse } from '@zen/contracts';
import type { ExpertCall } from '@zen/engine';
import { callMessage, pairOffsets } from './call-message';
import { Dispatcher } from './dispatcher';
import { ExpertCounts } from './expert-counts';
import type { ExpertPod, PodAsk, PodFailure } from './expert-pod';
import { Hedging } from './hedging';

const HIDDEN = 2;

/** Two rows; expert 3 takes both, 5 the first, 8 the second. */
const call = (): ExpertCall => ({
  id: 1,
  exact: false,
  layer: 0,
  stage: 4,
  encoding: 'f32',
  rows: new Uint8Array(Float32Array.of(1, 2, 10, 20).buffer),
  scales: new Float32Array(0),
  experts: Int32Array.of(3, 5, 8),
  counts: Int32Array.of(2, 1, 1),
  pairs: Int32Array.of(0, 1, 0, 1),
});

/** An output of an expert for each pair: its number, then the pair's place among those of the expert. */
const whole = [3, 0, 3, 1, 5, 0, 8, 0];

class FakePod implements ExpertPod {
  readonly asks: PodAsk[] = [];
  cancelled = 0;
  lateUs: number[] = [];
  constructor(
    readonly address: string,
    readonly us = 100,
  ) {}
  timeUs = (pairs: number) => this.us + pairs;
  late(_: number, us: number) {
    this.lateUs.push(us);
  }
  run(ask: PodAsk) {
    this.asks.push(ask);
    return () => {
      this.cancelled++;
    };
  }
  get experts() {
    return this.asks.map(({ call: { experts }, experts: at }) => at.map((one) => experts[one]));
  }
  answer(at = this.asks.length - 1) {
    const { call: asked, experts, answered } = this.asks[at] as PodAsk;
    const values = experts.flatMap((one) =>
      [...Array(asked.counts[one]).keys()].flatMap((pair) => [asked.experts[one] as number, pair]),
    );
    answered({ outputs: Buffer.from(Float32Array.from(values).buffer) } as RunExpertsResponse);
  }
  fail(failure: PodFailure) {
    (this.asks.at(-1) as PodAsk).failed(failure, '');
  }
}

function bench(holders: Record<number, FakePod[]>) {
  const done: { outputs: number[]; missing: number[] }[] = [];
  const counts = new ExpertCounts(() => undefined);
  const timers = new Set<() => void>();
  const refused: string[] = [];
  const dispatcher = new Dispatcher({
    hiddenSize: HIDDEN,
    holders: (_, expert) => holders[expert] ?? [],
    notHeld: (pod, _, expert) => {
      refused.push(`${pod.address} ${expert}`);
    },
    complete: (_, outputs, missing) => done.push({ outputs: [...outputs], missing: [...missing] }),
    hedging: new Hedging(95, 1_000_000),
    events: counts,
    nowUs: () => 0,
    later: (_, then) => {
      timers.add(then);
      return () => timers.delete(then);
    },
  });
  const late = () => {
    for (const then of [...timers]) {
      timers.delete(then);
      then();
    }
  };
  dispatcher.dispatch(call());
  return { done, counts, late, refused, timers };
}

describe('the dispatcher', () => {
  test('one message to each pod, answers put in their places in whatever order they come', () => {
    const [a, b] = [new FakePod('a'), new FakePod('b')];
    const { done, counts, timers } = bench({ 3: [a], 5: [b], 8: [a] });
    expect([a.experts, b.experts]).toEqual([[[3, 8]], [[5]]]);
    b.answer();
    expect(done).toEqual([]);
    a.answer();
    expect(done).toEqual([{ outputs: whole, missing: [0, 0, 0] }]);
    expect(counts).toMatchObject({ remotePairs: 4, missingPairs: 0, failedOverCalls: 0, hedgedCalls: 0 });
    expect(timers.size).toBe(0);
  });

  test('what nobody has is missing, and does not wait', () => {
    const { done, counts } = bench({});
    expect(done).toEqual([{ outputs: new Array(8).fill(0), missing: [1, 1, 1] }]);
    expect(counts.missingPairs).toBe(4);
  });

  test.each(['busy', 'draining', 'late', 'lost', 'invalid'] as const)(
    'a pod that fails (%s): its part goes to replicas, each once, and then it is missing',
    (failure) => {
      const [a, b] = [new FakePod('a'), new FakePod('b', 500)];
      const { done, counts } = bench({ 3: [a, b], 5: [a], 8: [a, b] });
      expect(a.experts).toEqual([[3, 5, 8]]);
      a.fail(failure);
      expect(b.experts).toEqual([[3, 8]]);
      expect(done).toEqual([]);
      b.answer();
      expect(done).toEqual([{ outputs: [3, 0, 3, 1, 0, 0, 8, 0], missing: [0, 1, 0] }]);
      expect(counts).toMatchObject({ failedOverCalls: 1, missingPairs: 1 });
      expect(counts.calls.get(failure)).toBe(1);
    },
  );

  test('both fail: missing', () => {
    const [a, b] = [new FakePod('a'), new FakePod('b', 500)];
    const { done } = bench({ 3: [a, b], 5: [a, b], 8: [a, b] });
    a.fail('lost');
    b.fail('lost');
    expect(done).toEqual([{ outputs: new Array(8).fill(0), missing: [1, 1, 1] }]);
  });

  test('one that is not held: found out which, the others are had from the same pod', () => {
    const a = new FakePod('a');
    const { done, refused } = bench({ 3: [a], 5: [a], 8: [a] });
    a.fail('not-held');
    expect(a.experts).toEqual([[3, 5, 8], [3], [5], [8]]);
    a.answer(1);
    (a.asks[2] as PodAsk).failed('not-held', '');
    a.answer(3);
    expect(refused).toEqual(['a 5']);
    expect(done).toEqual([{ outputs: [3, 0, 3, 1, 0, 0, 8, 0], missing: [0, 1, 0] }]);
  });

  test('late: a replica is asked for what it has, whoever is first answers, the other is taken back', () => {
    const [a, b] = [new FakePod('a'), new FakePod('b', 500)];
    const { done, counts, late } = bench({ 3: [a, b], 5: [a], 8: [a, b] });
    late();
    expect(b.experts).toEqual([[3, 8]]);
    b.answer();
    expect(done).toEqual([]);
    a.answer();
    expect(done).toEqual([{ outputs: whole, missing: [0, 0, 0] }]);
    expect(counts).toMatchObject({ hedgedCalls: 1, failedOverCalls: 0 });
    expect([a.cancelled, b.cancelled]).toEqual([0, 0]);
  });

  test('late: the one that is late is taken back when the replica has all', () => {
    const [a, b] = [new FakePod('a'), new FakePod('b', 500)];
    const { done, late, timers } = bench({ 3: [a, b], 5: [a, b], 8: [a, b] });
    late();
    b.answer();
    expect(done).toEqual([{ outputs: whole, missing: [0, 0, 0] }]);
    expect([a.cancelled, timers.size]).toEqual([1, 0]);
  });

  test('late, and its hedge fails: the first is still awaited', () => {
    const [a, b] = [new FakePod('a'), new FakePod('b', 500)];
    const { done, late } = bench({ 3: [a, b], 5: [a, b], 8: [a, b] });
    late();
    b.fail('lost');
    expect(done).toEqual([]);
    a.answer();
    expect(done).toHaveLength(1);
  });

  test('late without a replica: nobody is asked twice', () => {
    const a = new FakePod('a');
    const { counts, late } = bench({ 3: [a], 5: [a], 8: [a] });
    late();
    expect([a.asks.length, counts.hedgedCalls]).toEqual([1, 0]);
    // But it is known for slow from now on.
    expect(a.lateUs).toEqual([250_000]);
  });
});

describe('the message for a part of a call', () => {
  const part = (experts: number[]) => {
    const offsets = pairOffsets(call());
    return callMessage(call(), HIDDEN, { id: 9n, experts, offsets, deadlineUs: 5 });
  };
  const floats = (bytes: Buffer) => [...new Float32Array(Uint8Array.from(bytes).buffer)];

  test('all of it: the rows as they are', () => {
    const { rows, experts, counts, pairs } = part([0, 1, 2]);
    expect([floats(rows), experts, counts, pairs]).toEqual([
      [1, 2, 10, 20],
      [3, 5, 8],
      [2, 1, 1],
      [0, 1, 0, 1],
    ]);
  });

  test('some of it: only rows that are needed, by their new places', () => {
    const { rows, experts, counts, pairs } = part([2]);
    expect([floats(rows), experts, counts, pairs]).toEqual([[10, 20], [8], [1], [0]]);
  });

  test('scales go with their rows', () => {
    const hidden = 64;
    const integers: ExpertCall = {
      ...call(),
      encoding: 'int16',
      rows: new Uint8Array(Int16Array.from({ length: 2 * hidden }, (_, i) => i).buffer),
      scales: Float32Array.of(1, 2, 3, 4),
    };
    const offsets = pairOffsets(integers);
    const message = callMessage(integers, hidden, { id: 1n, experts: [2], offsets, deadlineUs: 0 });
    expect(message.rows.byteLength).toBe(hidden * 2);
    expect(message.rows.readInt16LE(0)).toBe(hidden);
    expect(floats(message.scales)).toEqual([3, 4]);
  });
});
