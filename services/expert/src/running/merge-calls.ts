import type { ExpertRows } from '@zen/engine';

export interface MergedCalls {
  rows: ExpertRows;
  /** Each call's outputs, in its own order of pairs. */
  split(outputs: Uint8Array): Uint8Array[];
}

/** Pairs of one call with one expert that lie together. */
interface Run {
  call: number;
  /** First of them in the call's own order. */
  first: number;
  count: number;
}

/** A call, and how many rows it has. */
interface RowsOf {
  rows: ExpertRows;
  count: number;
}

/** One call with the rows of all, which are of one layer, stage and encoding. */
export function mergeCalls(all: readonly RowsOf[]): MergedCalls {
  const [first] = all as [RowsOf];
  if (all.length === 1) return { rows: first.rows, split: (outputs) => [outputs] };
  const calls = all.map(({ rows }) => rows);
  const runs = runsByExpert(calls);
  const experts = [...runs.keys()].sort((a, b) => a - b);
  const ordered = experts.flatMap((expert) => runs.get(expert)!);
  const firstRow = firstRows(all);
  const pairs = new Int32Array(calls.reduce((sum, call) => sum + call.pairs.length, 0));
  let at = 0;
  for (const { call, first, count } of ordered) {
    for (let pair = first; pair < first + count; pair++) {
      pairs[at++] = calls[call]!.pairs[pair]! + firstRow[call]!;
    }
  }
  const rows: ExpertRows = {
    ...first.rows,
    rows: Buffer.concat(calls.map((call) => call.rows)),
    scales: joinFloats(calls.map((call) => call.scales)),
    experts: Int32Array.from(experts),
    counts: Int32Array.from(experts, (expert) => runs.get(expert)!.reduce((sum, run) => sum + run.count, 0)),
    pairs,
  };
  return { rows, split: (outputs) => splitOutputs(calls, ordered, outputs) };
}

function runsByExpert(calls: readonly ExpertRows[]): Map<number, Run[]> {
  const runs = new Map<number, Run[]>();
  for (const [call, { experts, counts }] of calls.entries()) {
    let first = 0;
    for (const [index, expert] of experts.entries()) {
      const count = counts[index]!;
      const own = runs.get(expert);
      if (own) own.push({ call, first, count });
      else runs.set(expert, [{ call, first, count }]);
      first += count;
    }
  }
  return runs;
}

/** Where each call's rows begin among all. */
function firstRows(calls: readonly RowsOf[]): number[] {
  let first = 0;
  return calls.map(({ count }) => {
    const begin = first;
    first += count;
    return begin;
  });
}

function joinFloats(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function splitOutputs(
  calls: readonly ExpertRows[],
  ordered: readonly Run[],
  outputs: Uint8Array,
): Uint8Array[] {
  const pairs = calls.reduce((sum, call) => sum + call.pairs.length, 0);
  const bytes = outputs.length / pairs;
  const parts = calls.map((call) => Buffer.allocUnsafe(call.pairs.length * bytes));
  let at = 0;
  for (const { call, first, count } of ordered) {
    parts[call]!.set(outputs.subarray(at * bytes, (at + count) * bytes), first * bytes);
    at += count;
  }
  return parts;
}
