import { median, type Row } from '../report';
import type { SpeechStack } from './speech-stack';
import { converse, turn } from './turns';

/** At each end of the row of requests. */
const ENDS = 5;

/** Requests one after the other: those at the end against those at the beginning. */
export async function hundredth(
  stack: SpeechStack,
  question: Int16Array,
  count: number,
): Promise<{ row: Row; ratio: number }> {
  const ttfp: number[] = [];
  for (let i = 0; i < count; i++) {
    const caller = await converse(stack, 16);
    ttfp.push((await turn(caller, question)).ttfpMs);
    caller.close();
  }
  const [first, last] = [median(ttfp.slice(0, ENDS)), median(ttfp.slice(-ENDS))];
  const row = {
    request: `1 to ${ENDS} against ${count - ENDS + 1} to ${count}`,
    'first ttfp p50 ms': first,
    'last ttfp p50 ms': last,
    ratio: last / first,
  };
  return { row, ratio: last / first };
}
