import { SPEECH_RATE } from './spoken-audio';

/** Of ordinary English; the gateway has no tokenizer. */
const BYTES_PER_TOKEN = 4;
/** A token of audio is a frame of 80 ms, which is what a model that speaks makes at a step. */
const SAMPLES_PER_TOKEN = 0.08 * SPEECH_RATE;

export function textTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

/** Tokens of so many samples at SPEECH_RATE. */
export function audioTokens(samples: number): number {
  return Math.ceil(samples / SAMPLES_PER_TOKEN);
}

export function usageOfSpeech(inputTokens: number, samples: number) {
  const output = audioTokens(samples);
  return { input_tokens: inputTokens, output_tokens: output, total_tokens: inputTokens + output };
}
