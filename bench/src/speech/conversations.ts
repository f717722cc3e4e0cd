import { median, quantile, type Row } from '../report';
import { played } from './player';
import type { Answered } from './realtime-caller';
import type { SpeechStack } from './speech-stack';
import { closedLoop, openLoop } from './turns';

/** A silence that a listener takes for a fault. */
const BROKEN_MS = 100;

/** What many answers say together. TTFT and TTFP count from the commit to the first text and the first audio. */
export function rowOf(loop: string, sessions: number, answers: readonly Answered[]): Row {
  const whole = answers.filter(({ status, frames }) => status === 'completed' || frames.length > 0);
  const playbacks = whole.map(({ frames }) => played(frames));
  const gaps = playbacks.flatMap(({ gapsMs }) => gapsMs);
  const of = (get: (answer: Answered) => number) => whole.map(get).filter(Number.isFinite);
  return {
    loop,
    sessions,
    answers: whole.length,
    failed: answers.length - whole.length,
    'ttft p50 ms': median(of(({ ttftMs }) => ttftMs)),
    'ttfp p50 ms': median(of(({ ttfpMs }) => ttfpMs)),
    'ttfp p99 ms': quantile(
      of(({ ttfpMs }) => ttfpMs),
      0.99,
    ),
    // Wall: from the commit to the last audio, for each second of audio.
    'rtf wall': median(whole.map((answer, i) => lastMs(answer) / (playbacks[i]?.audioMs || Number.NaN))),
    'gap p50 ms': median(gaps),
    'gap p99 ms': quantile(gaps, 0.99),
    'underrun s': playbacks.reduce((sum, { underrunMs }) => sum + underrunMs / 1000, 0),
    broken: playbacks.filter(({ longestMs }) => longestMs > BROKEN_MS).length,
    'audio s': median(playbacks.map(({ audioMs }) => audioMs / 1000)),
  };
}

/** Where the time of answers goes: medians of what the gateway says of its hops, each since the commit. */
export function hopsOf(loop: string, sessions: number, answers: readonly Answered[]): Row {
  const hop = (name: string) =>
    median(answers.map(({ hops }) => hops[name] ?? Number.NaN).filter(Number.isFinite));
  return {
    hops: loop,
    sessions,
    'transcript ms': hop('transcript_ms'),
    'first token ms': hop('first_token_ms'),
    'first clause ms': hop('first_clause_ms'),
    'first audio ms': hop('first_audio_ms'),
    'heard ms': median(answers.map(({ ttfpMs }) => ttfpMs).filter(Number.isFinite)),
    stage: median(answers.map(({ stage }) => stage ?? Number.NaN).filter(Number.isFinite)),
  };
}

/** The last audio of an answer, since its commit. */
export const lastMs = ({ frames }: Answered): number => frames.at(-1)?.atMs ?? Number.NaN;

export interface Conversations {
  rows: Row[];
  hops: Row[];
  /** By number of sessions, of the closed loop. */
  closed: Map<number, Row>;
}

/** Each number of sessions, in turns that wait for each other and in turns that do not. */
export async function conversations(
  stack: SpeechStack,
  questions: readonly Int16Array[],
  counts: readonly number[],
  turns: number,
): Promise<Conversations> {
  const out: Conversations = { rows: [], hops: [], closed: new Map() };
  for (const sessions of counts) {
    const started = performance.now();
    const closed = await closedLoop(stack, sessions, turns, questions);
    const turnMs = (performance.now() - started) / turns;
    const open = await openLoop(stack, sessions * turns, turnMs / sessions, questions);
    const row = rowOf('closed', sessions, closed);
    out.closed.set(sessions, row);
    out.rows.push(row, rowOf('open', sessions, open));
    out.hops.push(hopsOf('closed', sessions, closed), hopsOf('open', sessions, open));
  }
  return out;
}
