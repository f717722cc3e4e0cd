import { median, quantile, type Row } from '../report';
import { REALTIME_RATE, RealtimeCaller } from './realtime-caller';
import type { SpeechStack } from './speech-stack';

const PROMPT = 'Tell me a long story about a sailor, a lighthouse and a storm.';
const SILENCE_MS = 300;
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
  speech: Int16Array,
  rounds: number,
): Promise<{ row: Row; p50Ms: number }> {
  const all: Interruption[] = [];
  for (let round = 0; round < rounds; round++) all.push(await interrupt(stack, speech));
  const cancelled = all.map(({ cancelledMs }) => cancelledMs);
  const row = {
    'barge-in': 'since the first sound',
    rounds,
    'noticed p50 ms': median(all.map(({ noticedMs }) => noticedMs)),
    'last audio p50 ms': median(all.map(({ lastAudioMs }) => lastAudioMs)),
    'cancelled p50 ms': median(cancelled),
    'cancelled p99 ms': quantile(cancelled, 0.99),
  };
  return { row, p50Ms: median(cancelled) };
}

async function interrupt({ gateway, model }: SpeechStack, speech: Int16Array): Promise<Interruption> {
  const caller = await RealtimeCaller.open(gateway, model, {
    max_output_tokens: 400,
    audio: { input: { turn_detection: { type: 'server_vad' } }, output: { voice: 'heart' } },
  });
  try {
    const silence = new Int16Array((REALTIME_RATE * SILENCE_MS) / 1000);
    const answered = caller.ask(PROMPT);
    await caller.next(({ type }) => type === 'response.output_audio.delta');
    await new Promise((resolve) => setTimeout(resolve, HEARD_MS - SILENCE_MS));
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
    if (status !== 'cancelled') throw new Error(`the answer was not interrupted but ${status}`);
    await saying;
    return { noticedMs, lastAudioMs, cancelledMs };
  } finally {
    caller.close();
  }
}
