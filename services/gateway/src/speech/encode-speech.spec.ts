import { AudioError, encodeAudio } from '@zen/audio';
import { encodeSpeech } from './encode-speech';

const NEVER = new AbortController().signal;

async function* sound(): AsyncGenerator<Float32Array> {
  yield new Float32Array(2400).fill(0.5);
}

/** A machine where nothing makes mp3. */
const withoutMp3: typeof encodeAudio = async (format, ...rest) => {
  if (format === 'mp3') throw new AudioError('unavailable', 'mp3 is not available');
  return encodeAudio(format, ...rest);
};

test('without a format it is wav where nothing makes mp3', async () => {
  const { format, bytes } = await encodeSpeech(undefined, sound(), NEVER, withoutMp3);
  expect(format).toBe('wav');
  const all: Uint8Array[] = [];
  for await (const piece of bytes) all.push(piece);
  const whole = Buffer.concat(all);
  expect(whole.subarray(0, 4).toString()).toBe('RIFF');
  expect(whole.length).toBe(44 + 2 * 2400);
});

test('mp3 by name is refused there', async () => {
  await expect(encodeSpeech('mp3', sound(), NEVER, withoutMp3)).rejects.toMatchObject({
    failure: 'unavailable',
  });
});

test('what else fails is not hidden behind another format', async () => {
  const broken: typeof encodeAudio = async () => {
    throw new AudioError('encoder_failed', 'lame ended with 1');
  };
  await expect(encodeSpeech(undefined, sound(), NEVER, broken)).rejects.toMatchObject({
    failure: 'encoder_failed',
  });
});
