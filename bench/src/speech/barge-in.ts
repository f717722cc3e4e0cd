import { median, quantile, type Row } from '../report';
import { REALTIME_RATE, RealtimeCaller } from './realtime-caller';
import type { SpeechStack } from './speech-stack';

const PROMPT = 'Tell me a long story about a sailor, a lighthouse and a storm.';
const SILENCE_MS = 300;
/** Speech is looked for in steps of 32 ms: each round begins elsewhere in one. */
const SHIFT_MS = 5;
const SHIFTS = 7;
const MOST_TRIES = 5;
/** Audio that is heard before the caller interrupts. */
const HEARD_MS = 700;

interface Interruption {
  /** All since the first audible sample of the caller was sent. */
  noticedMs: number;
  lastAudioMs: number;
  cancelledMs: number;
}

/** Speaks into answers: how soon after the caller's first sound nothing of the answer comes any more. */
export async function bargeIn(
  stack: SpeechStack,
  said: readonly Int16Array[],
  rounds: number,
): Promise<{ row: Row; p50Ms: number }> {
  const bySaid = said.map((): Interruption[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, speech] of said.entries()) {
      const shiftMs = SHIFT_MS * ((round + at) % SHIFTS);
      bySaid[at]?.push(await interruptOne(stack, speech, SILENCE_MS + shiftMs));
    }
  }
  const all = bySaid.flat();
  const cancelled = all.map(({ cancelledMs }) => cancelledMs);
  const row = {
    'barge-in': `since the first sound, ${said.length} ways to interrupt`,
    rounds: all.length,
    'noticed p50 ms': median(all.map(({ noticedMs }) => noticedMs)),
    'last audio p50 ms': median(all.map(({ lastAudioMs }) => lastAudioMs)),
    'cancelled p50 ms': median(cancelled),
    'cancelled p90 ms': quantile(cancelled, 0.9),
    'cancelled p99 ms': quantile(cancelled, 0.99),
    'slowest way p50 ms': Math.max(...bySaid.map((one) => median(one.map(({ cancelledMs }) => cancelledMs)))),
  };
  return { row, p50Ms: median(cancelled) };
}

/** Answers differ in length: one that was over before it could be interrupted says nothing. */
async function interruptOne(
  stack: SpeechStack,
  speech: Int16Array,
  silenceMs: number,
): Promise<Interruption> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const found = await interrupt(stack, speech, silenceMs);
    if (found) return found;
  }
  throw new Error(`${MOST_TRIES} answers in a row were not interrupted`);
}

/** Null where the answer was over first. */
async function interrupt(
  { gateway, model }: SpeechStack,
  speech: Int16Array,
  silenceMs: number,
): Promise<Interruption | null> {
  const caller = await RealtimeCaller.open(gateway, model, {
    max_output_tokens: 400,
    audio: { input: { turn_detection: { type: 'server_vad' } }, output: { voice: 'heart' } },
  });
  try {
    const silence = new Int16Array((REALTIME_RATE * silenceMs) / 1000);
    const answered = caller.ask(PROMPT);
    await caller.next(({ type }) => type === 'response.output_audio.delta');
    await new Promise((resolve) => setTimeout(resolve, HEARD_MS - silenceMs));
    await caller.speak(silence);
    let onsetMs = Number.NaN;
    let noticedMs = Number.NaN;
    let lastAudioMs = 0;
    const off = caller.onEvent(({ type }) => {
      const sinceMs = performance.now() - onsetMs;
      if (type === 'input_audio_buffer.speech_started') noticedMs = sinceMs;
      if (type === 'response.output_audio.delta') lastAudioMs = Math.max(0, sinceMs) || 0;
    });
    const saying = caller.speak(speech, (ms) => {
      if (Number.isNaN(onsetMs)) onsetMs = performance.now();
      return ms;
    });
    const { status } = await answered;
    const cancelledMs = performance.now() - onsetMs;
    off();
    await saying;
    if (status === 'completed') return null;
    if (status !== 'cancelled') throw new Error(`the answer was not interrupted but ${status}`);
    return { noticedMs, lastAudioMs, cancelledMs };
  } finally {
    caller.close();
  }
}
