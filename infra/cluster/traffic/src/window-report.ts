import type { TrafficLine } from './main';

/** What an event did to the traffic; times by the clock of the traffic. */
export interface WindowReport {
  streams: number;
  failed: number;
  altered: number;
  /** Streams that had to be asked again before their first piece, and continued with a token in their middle. */
  retried: number;
  resumed: number;
  /** Pieces a second before the event (median). */
  before: number;
  /** Lowest share of that in any 3 s after it. */
  lowest: number;
  /** Milliseconds from the event until 3 s passed at 80 % of it or more; 0: never below; null: never again. */
  recoveredMs: number | null;
  longestGapMs: number;
  /** Why streams failed, were altered, asked again or continued; each reason once. */
  reasons: string[];
}

const SMOOTHED = 3;
const RECOVERED = 0.8;

/** The quiet before an event, then the event and what follows; by the clock of the traffic. */
export interface Window {
  fromMs: number;
  eventMs: number;
  untilMs: number;
}

/** What happened to the traffic in a window. */
export function windowReport(
  lines: readonly TrafficLine[],
  { fromMs, eventMs, untilMs }: Window,
): WindowReport {
  const seconds = lines.filter((line) => line.t === 'second');
  const quiet = seconds.filter(({ atMs }) => atMs > fromMs && atMs <= eventMs).map(({ pieces }) => pieces);
  const before = median(quiet);
  const after = seconds.filter(({ atMs }) => atMs > eventMs && atMs <= untilMs);
  const smooth = after.slice(SMOOTHED - 1).map(({ atMs }, index) => {
    const some = after.slice(index, index + SMOOTHED);
    return { atMs, share: some.reduce((sum, { pieces }) => sum + pieces, 0) / SMOOTHED / before };
  });
  const low = smooth.findLastIndex(({ share }) => share < RECOVERED);
  const recovered = low < 0 ? { atMs: eventMs } : smooth[low + 1];
  const streams = lines.filter(
    (line) => line.t === 'stream' && line.atMs > eventMs && line.atMs - line.ms < untilMs,
  ) as Extract<TrafficLine, { t: 'stream' }>[];
  const reasons = streams.flatMap(({ why, retried, resumed }) => [why, ...retried, ...resumed]);
  const count = (outcome: string) => streams.filter((line) => line.outcome === outcome).length;
  return {
    streams: streams.length,
    failed: count('failed'),
    altered: count('altered'),
    retried: streams.filter(({ retried }) => retried.length > 0).length,
    resumed: streams.filter(({ resumed }) => resumed.length > 0).length,
    before,
    lowest: Math.min(1, ...smooth.map(({ share }) => share)),
    recoveredMs: recovered ? recovered.atMs - eventMs : null,
    longestGapMs: Math.max(0, ...streams.map(({ longestGapMs }) => longestGapMs)),
    reasons: [...new Set(reasons.filter((reason) => reason !== ''))].slice(0, 20),
  };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
