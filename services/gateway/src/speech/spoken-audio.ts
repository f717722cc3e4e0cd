import { fromPcm, Resampler } from '@zen/audio';
import type { SpokenEvent, SpokenStart } from './spoken-event';

/** The rate of every spoken answer, whatever its voice has, hertz. */
export const SPEECH_RATE = 24_000;

export interface SpokenAudio {
  start: SpokenStart;
  /** Mono at SPEECH_RATE, made as it is read; leaving it cancels the utterance. */
  pieces: AsyncGenerator<Float32Array>;
}

/** Waits until a talker has taken an utterance: who is refused is told here. `onEvent` hears of all that happens. */
export async function audioOf(
  events: AsyncGenerator<SpokenEvent>,
  onEvent: (event: SpokenEvent) => void = () => {},
): Promise<SpokenAudio> {
  for (;;) {
    const { value: event, done } = await events.next();
    if (done) throw new Error('an utterance without a beginning');
    onEvent(event);
    if (event.kind === 'start') return { start: event, pieces: pieces(event, events, onEvent) };
  }
}

/** The same pieces, once the first is there: what fails before is thrown here. */
export async function primed<T>(pieces: AsyncGenerator<T>): Promise<AsyncGenerator<T>> {
  const first = await pieces.next();
  return (async function* () {
    if (first.done) return;
    yield first.value;
    yield* pieces;
  })();
}

async function* pieces(
  { sampleRate }: SpokenStart,
  events: AsyncGenerator<SpokenEvent>,
  onEvent: (event: SpokenEvent) => void,
): AsyncGenerator<Float32Array> {
  const resampler = new Resampler(sampleRate, SPEECH_RATE);
  for await (const event of events) {
    onEvent(event);
    if (event.kind === 'frame') yield resampler.push(fromPcm(event.pcm));
  }
  yield resampler.end();
}
