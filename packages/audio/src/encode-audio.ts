import { encodeMp3 } from './encode-mp3';
import { encodeAlaw, encodeMulaw, encodePcm, wavHeader } from './encode-pcm';
import { OggOpusWriter, OPUS_INPUT_RATES } from './ogg-opus-writer';
import { Resampler } from './resampler';

/** Mono; `pcm` is signed 16-bit little-endian without a header. */
export type OutputFormat = 'pcm' | 'wav' | 'mulaw' | 'alaw' | 'opus' | 'mp3';

/**
 * Mono samples (-1 to 1) of `sampleRate` as they come, encoded as they come. The next piece is asked for when the last
 * one's bytes have been taken. Resolves once the encoder is there.
 * @throws AudioError unavailable for mp3 without `lame`; what `pieces` throws
 */
export async function encodeAudio(
  format: OutputFormat,
  sampleRate: number,
  pieces: AsyncIterable<Float32Array>,
  signal: AbortSignal,
): Promise<AsyncGenerator<Uint8Array>> {
  switch (format) {
    case 'pcm':
      return mapped(pieces, encodePcm);
    case 'wav':
      return mapped(pieces, encodePcm, wavHeader(sampleRate));
    case 'mulaw':
      return mapped(pieces, encodeMulaw);
    case 'alaw':
      return mapped(pieces, encodeAlaw);
    case 'opus':
      return opus(sampleRate, pieces);
    case 'mp3':
      return encodeMp3(sampleRate, pieces, signal);
  }
}

async function* mapped(
  pieces: AsyncIterable<Float32Array>,
  encode: (samples: Float32Array) => Uint8Array,
  head?: Uint8Array,
): AsyncGenerator<Uint8Array> {
  // With the first sound: a header alone would be the answer's beginning while it can still be refused.
  let first = head;
  for await (const piece of pieces) {
    if (first) yield first;
    first = undefined;
    if (piece.length > 0) yield encode(piece);
  }
  if (first) yield first;
}

async function* opus(sampleRate: number, pieces: AsyncIterable<Float32Array>): AsyncGenerator<Uint8Array> {
  const rate = OPUS_INPUT_RATES.includes(sampleRate) ? sampleRate : (OPUS_INPUT_RATES.at(-1) as number);
  const resampler = new Resampler(sampleRate, rate);
  const writer = new OggOpusWriter(rate);
  try {
    let first = true;
    for await (const piece of pieces) {
      if (first) yield writer.head();
      first = false;
      const bytes = writer.push(resampler.push(piece));
      if (bytes.length > 0) yield bytes;
    }
    if (first) yield writer.head();
    yield Buffer.concat([writer.push(resampler.end()), writer.end()]);
  } finally {
    writer.close();
  }
}
