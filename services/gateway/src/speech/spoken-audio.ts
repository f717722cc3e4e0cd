import { fromPcm, Resampler } from '@zen/audio';
import type { SpokenEvent, SpokenStart } from './spoken-event';

/** The rate of every spoken answer, whatever its voice has, hertz. */
export const SPEECH_RATE = 24_000;

export interface SpokenAudio {
  start: SpokenStart;
  /** Mono at SPEECH_RATE, made as it is read; leaving it cancels the utterance. */
  pieces: AsyncGenerator<Float32Array>;
}

/** Waits for the first sound of an utterance: what fails before is thrown here. `onEvent` hears of all that happens. */
export async function audioOf(
  events: AsyncGenerator<SpokenEvent>,
  onEvent: (event: SpokenEvent) => void = () => {},
): Promise<SpokenAudio> {
  let start: SpokenStart | undefined;
  for (;;) {
    const { value: event, done } = await events.next();
    if (done) throw new Error('an utterance without a beginning');
    onEvent(event);
    if (event.kind === 'start') start = event;
    if (start && (event.kind === 'frame' || event.kind === 'end')) {
      return { start, pieces: pieces(start, event, events, onEvent) };
    }
  }
}

async function* pieces(
  { sampleRate }: SpokenStart,
  first: SpokenEvent,
  rest: AsyncGenerator<SpokenEvent>,
  onEvent: (event: SpokenEvent) => void,
): AsyncGenerator<Float32Array> {
  const resampler = new Resampler(sampleRate, SPEECH_RATE);
  try {
    if (first.kind === 'frame') yield resampler.push(fromPcm(first.pcm));
    if (first.kind !== 'end') {
      for await (const event of rest) {
        onEvent(event);
        if (event.kind === 'frame') yield resampler.push(fromPcm(event.pcm));
      }
    }
    yield resampler.end();
  } finally {
    await rest.return(undefined);
  }
}
