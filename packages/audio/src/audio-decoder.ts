/** Samples between the bytes and whoever wanted them. */
export interface Pieces extends Iterable<Float32Array> {}

/**
 * Encoded bytes in, mono samples (-1 to 1) out, at the rate that it was opened for. Pieces are made as they are read,
 * a second of audio at most in each: a few bytes that hold hours never become hours in memory. What a call gives has
 * to be read to its end before the next call. Everything throws AudioError for bytes that are not right.
 */
export interface AudioDecoder {
  /** The next bytes, cut anywhere; may be any number. */
  push(bytes: Uint8Array): Pieces;
  /** There are no more bytes: what is left. */
  end(): Pieces;
  /** Frees what is outside of JavaScript's memory; may be called at any time, and more than once. */
  close(): void;
}

/** What one kind of bytes holds: mono samples at its own rate. */
export interface SampleSource {
  /** Hertz; known at the latest when it gives its first piece. */
  readonly sampleRate: number;
  push(bytes: Uint8Array): Pieces;
  end(): Pieces;
  close(): void;
}
