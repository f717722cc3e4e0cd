import type { ChatEvent } from '../api/chat';

/** Consecutive text of one stage. */
export interface Run {
  stage: number;
  text: string;
}

export type AnswerStatus = 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed';

/** An answer as it grows. Times are milliseconds of one monotonic clock. */
export interface AnswerState {
  status: AnswerStatus;
  runs: Run[];
  /** The model that answers; a family's name stands for several. */
  model: string;
  /** Why the server chose the stage it began with; empty until it says. */
  reason: string;
  askedAtMs: number;
  firstAtMs: number | null;
  lastAtMs: number | null;
  /** Tokens of the answer; null until the server has counted them. */
  tokens: number | null;
  /** Cut off by the limit of tokens. */
  cut: boolean;
  error: string;
  retryAfterS: number | null;
}

export function newAnswer(askedAtMs: number): AnswerState {
  return {
    status: 'waiting',
    runs: [],
    model: '',
    reason: '',
    askedAtMs,
    firstAtMs: null,
    lastAtMs: null,
    tokens: null,
    cut: false,
    error: '',
    retryAfterS: null,
  };
}

/** The answer after one more event. */
export function grown(answer: AnswerState, event: ChatEvent, nowMs: number): AnswerState {
  switch (event.t) {
    case 'opened':
      return { ...answer, status: 'streaming', reason: event.head.reason };
    case 'piece':
      return {
        ...answer,
        model: event.model,
        runs: withPiece(answer.runs, event),
        firstAtMs: answer.firstAtMs ?? nowMs,
        lastAtMs: nowMs,
      };
    case 'finished':
      return { ...answer, status: 'done', cut: event.reason === 'length' };
    case 'usage':
      return { ...answer, tokens: event.completionTokens };
  }
}

export function withPiece(runs: readonly Run[], { text, stage }: Run): Run[] {
  const last = runs[runs.length - 1];
  if (last?.stage !== stage) return [...runs, { stage, text }];
  return [...runs.slice(0, -1), { stage, text: last.text + text }];
}

export function textOf({ runs }: Pick<AnswerState, 'runs'>): string {
  return runs.map(({ text }) => text).join('');
}

/** Time to first token, and between tokens once the server has counted them; null where unknown. */
export function latencyOf({ askedAtMs, firstAtMs, lastAtMs, tokens }: AnswerState) {
  const ttftMs = firstAtMs === null ? null : firstAtMs - askedAtMs;
  const known = firstAtMs !== null && lastAtMs !== null && tokens !== null && tokens > 1;
  return { ttftMs, tpotMs: known ? (lastAtMs - firstAtMs) / (tokens - 1) : null };
}
