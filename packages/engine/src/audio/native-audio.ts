/** A handle of the addon; nothing can be done with it but to give it back. */
declare const handle: unique symbol;
export interface Handle<Kind> {
  readonly [handle]: Kind;
}
export type EncoderHandle = Handle<'encoder'>;
export type StreamHandle = Handle<'stream'>;

/** The audio part of the native surface, with the same names in the same order as `native/addon/audio_addon.cc`. */
export interface NativeAudio {
  openEncoder(configJson: string, files: string[], threads: number): EncoderHandle;
  shape(encoder: EncoderHandle): AudioShape;
  openStream(encoder: EncoderHandle, peak: number | null): StreamHandle;
  append(
    stream: StreamHandle,
    kind: 'samples' | 'frames',
    values: Float32Array,
    melBins: number,
    last: boolean,
    provisional: boolean,
  ): Promise<AudioRows>;
  logMel(samples: Float32Array, melBins: number): Promise<Float32Array>;
  closeEncoder(encoder: EncoderHandle): void;
  closeStream(stream: StreamHandle): void;
}

export interface AudioShape {
  melBins: number;
  /** Log-mel frames of a chunk, which is a second. */
  chunkFrames: number;
  /** Rows that come of a whole chunk. */
  chunkRows: number;
  /** Chunks whose rows attend to each other. */
  windowChunks: number;
  /** Numbers of a row: the thinker's hidden size. */
  outputSize: number;
}

export interface AudioRows {
  /** Place of the first row here; what an earlier append gave from there on is replaced. */
  firstRow: number;
  /** Rows before this one never change: their window is whole, or the audio has ended. */
  finalRows: number;
  /** [rows][outputSize] */
  rows: Float32Array;
}
