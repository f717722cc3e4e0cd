import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** One row of a benchmark's table: names to numbers or words. */
export type Row = Record<string, number | string | null>;

export interface Bar {
  /** `bench.subject.figure` */
  name: string;
  value: number;
  bar: number;
  better: 'higher' | 'lower';
  pass: boolean;
}

/** What every benchmark ends with, as one line of JSON. */
export interface BenchReport {
  bench: string;
  commit: string;
  machine: { cpu: string; cores: number; memoryGiB: number; kernels?: string; loadAtStart: number };
  results: Row[];
  bars: Bar[];
}

export function bar(name: string, value: number, limit: number, better: Bar['better']): Bar {
  return { name, value, bar: limit, better, pass: better === 'higher' ? value >= limit : value <= limit };
}

export function report(bench: string, results: Row[], bars: Bar[], kernels?: string): BenchReport {
  return {
    bench,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      ...(kernels === undefined ? {} : { kernels }),
      loadAtStart,
    },
    results,
    bars,
  };
}

/** Load average of the last minute when the benchmark started: above half the cores, its figures are suspect. */
export const loadAtStart = Math.round((loadavg()[0] ?? 0) * 100) / 100;

export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** The q-quantile, 0 to 1, by linear interpolation. NaN for no values. */
export function quantile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** Rows that follow each other with the same columns share a table. */
export function printTable(rows: Row[]): void {
  const groups: Row[][] = [];
  const columnsOf = (row: Row | undefined) => Object.keys(row ?? {}).join('\n');
  for (const row of rows) {
    const group = groups.at(-1);
    if (group && columnsOf(group[0]) === columnsOf(row)) group.push(row);
    else groups.push([row]);
  }
  for (const group of groups) printGroup(group);
}

function printGroup(rows: Row[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = (value: Row[string] | undefined) =>
    typeof value === 'number' ? String(Number(value.toPrecision(4))) : (value ?? '');
  const widths = columns.map((c) => Math.max(c.length, ...rows.map((row) => text(row[c]).length)));
  const line = (cells: string[]) => cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
  console.log(line(columns));
  for (const row of rows) console.log(line(columns.map((c) => text(row[c]))));
}
