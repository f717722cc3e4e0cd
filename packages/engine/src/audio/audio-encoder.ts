import { refuse, whole } from '../checks';
import { guard, guardAsync } from '../guard';
import { loadAddon } from '../load-engine';
import type { AudioRows, AudioShape, EncoderHandle, NativeAudio, StreamHandle } from './native-audio';

/** Samples per second that the front end takes. */
export const AUDIO_SAMPLE_RATE = 16_000;

const MAX_APPEND_SECONDS = 60;
const MAX_FILES = 256;

export interface AppendOptions {
  /** The audio ends here: the rest is encoded, and all rows are final. Default: false. */
  last?: boolean;
  /** Rows of the window that is still open are wanted too; they change with every further second. Default: false. */
  provisional?: boolean;
}

/** The Qwen3-Omni audio encoder: sound to rows of the thinker's hidden size. Errors are EngineErrors. */
export class AudioEncoder {
  readonly shape: AudioShape;

  private constructor(
    private readonly native: NativeAudio,
    private readonly handle: EncoderHandle,
  ) {
    this.shape = guard(() => native.shape(handle));
  }

  /**
   * Maps weights as the reference saves them. `configJson` is the encoder's config.json or that of a model that has
   * one; `files` are safetensors (F32, F16, BF16) that hold its tensors, among others or not. `threads`: 1 to 256.
   */
  static open(configJson: string, files: string[], options: { threads: number }): AudioEncoder {
    whole('threads', options.threads, 1, 256);
    if (files.length < 1 || files.length > MAX_FILES) refuse('files', `must be 1 to ${MAX_FILES}`);
    const native = loadNative();
    return new AudioEncoder(
      native,
      guard(() => native.openEncoder(configJson, files, options.threads)),
    );
  }

  /**
   * One speaker's audio. `peak`: the loudest value (base-10 logarithm of power) of the whole recording's log-mel frames,
   * where it is known; frames more than 8 below it are raised to that, as in the reference. Else that of a second is the
   * loudest so far, so what the reference makes of a whole recording differs where it grows louder by more than its
   * quietest parts allow.
   */
  stream(options: { peak?: number } = {}): AudioEncoderStream {
    const handle = guard(() => this.native.openStream(this.handle, options.peak ?? null));
    return new AudioEncoderStream(this.native, handle, this.shape);
  }

  /** Frees the weights once no stream uses them. */
  close(): void {
    this.native.closeEncoder(this.handle);
  }
}

/**
 * Appends in any portions; however the audio is cut, final rows are the same bits. A second is encoded when it is whole
 * (its last two frames reach 40 samples into the next one), and its rows are final when their window is.
 */
export class AudioEncoderStream {
  constructor(
    private readonly native: NativeAudio,
    private readonly handle: StreamHandle,
    private readonly shape: AudioShape,
  ) {}

  /** Mono samples at 16 kHz, −1 to 1, at most a minute at once and an hour in all. One append at a time. */
  appendSamples(samples: Float32Array, options: AppendOptions = {}): Promise<AudioRows> {
    floats('samples', samples, MAX_APPEND_SECONDS * AUDIO_SAMPLE_RATE);
    return this.append('samples', samples, options);
  }

  /** Log-mel frames [frames][melBins] in place of samples, scaled as `logMel` does. */
  appendFrames(frames: Float32Array, options: AppendOptions = {}): Promise<AudioRows> {
    const { melBins, chunkFrames } = this.shape;
    floats('frames', frames, MAX_APPEND_SECONDS * chunkFrames * melBins);
    if (frames.length % melBins !== 0) refuse('frames', `must have rows of ${melBins}`);
    return this.append('frames', frames, options);
  }

  close(): void {
    this.native.closeStream(this.handle);
  }

  private append(
    kind: 'samples' | 'frames',
    values: Float32Array,
    { last = false, provisional = false }: AppendOptions,
  ): Promise<AudioRows> {
    return guardAsync(() =>
      this.native.append(this.handle, kind, values, this.shape.melBins, last, provisional),
    );
  }
}

/** Log-mel frames [⌊samples / 160⌋][melBins] of a whole recording at 16 kHz, at most an hour, as Whisper's front end. */
export function logMel(samples: Float32Array, melBins: number): Promise<Float32Array> {
  floats('samples', samples, 3600 * AUDIO_SAMPLE_RATE);
  whole('melBins', melBins, 8, 256);
  return guardAsync(() => loadNative().logMel(samples, melBins));
}

const loadNative = (): NativeAudio => loadAddon<{ audio: NativeAudio }>().audio;

function floats(name: string, values: Float32Array, most: number): void {
  if (!(values instanceof Float32Array)) refuse(name, 'must be a Float32Array');
  if (values.length > most) refuse(name, `must have at most ${most} numbers`);
}
