import { median, quantile, type Row } from '../report';
import { residentBytes, slope } from './memory-of';
import { played } from './player';
import type { SpeechStack } from './speech-stack';
import { attempt, listenOut } from './turns';

/** Caches fill, and code is compiled, in this share of the time; it does not count. */
const WARM_SHARE = 0.25;
const SAMPLES = 240;
const MIB = 2 ** 20;

export interface Soak {
  rows: Row[];
  /** Most that a process grew by from the first third after the warm-up to the last, MiB. */
  grownMiB: number;
  broken: number;
  failed: number;
}

/** Conversations for a long time: what each process holds, and whether answers stay as fast and whole. */
export async function soak(
  stack: SpeechStack,
  questions: readonly Int16Array[],
  sessions: number,
  seconds: number,
): Promise<Soak> {
  const started = performance.now();
  const hours = () => (performance.now() - started) / 3_600_000;
  const endMs = started + 1000 * seconds;
  const held = new Map<string, [number, number][]>(stack.processes.map(({ name }) => [name, []]));
  const sample = () => {
    for (const { name, pid } of stack.processes) held.get(name)?.push([hours(), residentBytes(pid) / MIB]);
  };
  sample();
  const timer = setInterval(sample, Math.max(500, (1000 * seconds) / SAMPLES));
  const ttfp: [number, number][] = [];
  let broken = 0;
  let failed = 0;
  await Promise.all(
    Array.from({ length: sessions }, async (_, session) => {
      for (let i = session; performance.now() < endMs; i++) {
        const answer = await attempt(stack, questions[i % questions.length] as Int16Array, listenOut);
        if (answer.status === 'failed') {
          failed++;
          await new Promise((resolve) => setTimeout(resolve, 1000));
        } else {
          ttfp.push([hours(), answer.ttfpMs]);
          if (played(answer.frames).longestMs > 100) broken++;
        }
      }
    }),
  );
  clearInterval(timer);
  sample();
  const from = WARM_SHARE * hours();
  const rows: Row[] = [];
  let grownMiB = 0;
  for (const [name, points] of held) {
    const settled = points.filter(([at]) => at >= from);
    const third = Math.max(1, Math.floor(settled.length / 3));
    const level = (some: [number, number][]) => median(some.map(([, mib]) => mib));
    const grown = level(settled.slice(-third)) - level(settled.slice(0, third));
    grownMiB = Math.max(grownMiB, grown);
    rows.push({
      process: name,
      'first MiB': points[0]?.[1] ?? Number.NaN,
      'settled MiB': level(settled.slice(0, third)),
      'last MiB': level(settled.slice(-third)),
      'most MiB': Math.max(...points.map(([, mib]) => mib)),
      'slope MiB/h': slope(settled),
    });
  }
  const of = (some: [number, number][]) => some.map(([, ms]) => ms);
  const third = Math.max(1, Math.floor(ttfp.length / 3));
  rows.push({
    soak: `${seconds} s, ${sessions} sessions`,
    answers: ttfp.length,
    failed,
    broken,
    'ttfp p50 ms, first third': median(of(ttfp.slice(0, third))),
    'last third': median(of(ttfp.slice(-third))),
    'p99 ms': quantile(of(ttfp), 0.99),
  });
  return { rows, grownMiB, broken, failed };
}
