import type { TrafficLine } from './main';
import { windowReport } from './window-report';

/** A second of traffic each, from `startS` on. */
function seconds(startS: number, pieces: number[]): TrafficLine[] {
  return pieces.map((count, index) => ({
    n: index,
    atMs: 1000 * (startS + index),
    t: 'second',
    pieces: count,
    open: 4,
  }));
}

type StreamLine = Extract<TrafficLine, { t: 'stream' }>;

function stream(endMs: number, ms: number, more: Partial<StreamLine> = {}): StreamLine {
  return {
    n: 0,
    atMs: endMs,
    t: 'stream',
    kind: 'sse',
    ask: 'sky',
    outcome: 'ok',
    why: '',
    ms,
    longestGapMs: 20,
    retried: [],
    resumed: [],
    ...more,
  };
}

const WINDOW = { fromMs: 0, eventMs: 10_000, untilMs: 30_000 };
const QUIET = seconds(1, Array(10).fill(100));

test('nothing happened: no dip, recovered at once', () => {
  const report = windowReport([...QUIET, ...seconds(11, Array(20).fill(95))], WINDOW);
  expect(report).toMatchObject({ before: 100, recoveredMs: 0, lowest: 0.95, streams: 0 });
});

test('a dip is the worst three seconds, and recovery their end', () => {
  const pieces = [90, 0, 0, 30, 60, 90, 90, 90, ...Array(12).fill(100)];
  const report = windowReport([...QUIET, ...seconds(11, pieces)], WINDOW);
  expect(report.lowest).toBeCloseTo(0.1);
  // Seconds 15 to 17 (60, 90, 90) are the first three that hold 80 % together.
  expect(report.recoveredMs).toBe(17_000 - 10_000);
});

test('traffic that never comes back', () => {
  const report = windowReport([...QUIET, ...seconds(11, Array(20).fill(10))], WINDOW);
  expect(report).toMatchObject({ recoveredMs: null, lowest: 0.1 });
});

test('every stream that was open after the event counts, those before and after the window do not', () => {
  const lines = [
    stream(9000, 5000, { outcome: 'failed' }),
    stream(10_500, 5000, { outcome: 'failed', why: 'reset' }),
    stream(20_000, 1000, { outcome: 'altered', why: 'differs' }),
    stream(21_000, 1000, { retried: ['503'], longestGapMs: 900 }),
    stream(31_000, 2000, { resumed: ['reset'] }),
    stream(33_000, 1000, { outcome: 'failed' }),
  ];
  expect(windowReport([...QUIET, ...lines], WINDOW)).toMatchObject({
    streams: 4,
    failed: 1,
    altered: 1,
    retried: 1,
    resumed: 1,
    longestGapMs: 900,
    reasons: ['reset', 'differs', '503'],
  });
});
