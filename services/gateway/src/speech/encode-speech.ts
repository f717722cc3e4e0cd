import { AudioError, encodeAudio } from '@zen/audio';
import type { SpeechFormat } from './speech.schema';
import { SPEECH_RATE } from './spoken-audio';

/**
 * Samples at 24 kHz in the format that was asked for. Where none was, mp3 as OpenAI's clients expect; wav where nothing
 * here makes mp3, since whoever names no format takes what comes.
 * @throws AudioError unavailable for mp3 by name where nothing makes it
 */
export async function encodeSpeech(
  asked: SpeechFormat | undefined,
  pieces: AsyncIterable<Float32Array>,
  signal: AbortSignal,
  encode = encodeAudio,
): Promise<{ format: SpeechFormat; bytes: AsyncIterable<Uint8Array> }> {
  const format = asked ?? 'mp3';
  try {
    return { format, bytes: await encode(format, SPEECH_RATE, pieces, signal) };
  } catch (error) {
    if (asked !== undefined || !(error instanceof AudioError) || error.failure !== 'unavailable') throw error;
    return { format: 'wav', bytes: await encode('wav', SPEECH_RATE, pieces, signal) };
  }
}
