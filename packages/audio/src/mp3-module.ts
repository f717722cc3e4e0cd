import { MP3_WASM } from './mp3-wasm';

/** native/mp3.c. A module has one decoder, in a memory of its own that nothing hostile gets out of. */
interface Mp3Exports {
  memory: WebAssembly.Memory;
  init(): void;
  input(): number;
  samples(): number;
  decode(bytes: number): number;
  used(): number;
  skipped(): number;
  channels(): number;
  rate(): number;
}

/** Bytes of input that `decode` looks at: more than ten frames of ordinary size, which find where frames begin. */
export const MP3_INPUT_BYTES = 16_384;

export interface Mp3Step {
  /** Bytes that are done with, junk before the frame included. */
  used: number;
  /** Those of them before the frame. */
  skipped: number;
  /** Mono; empty where there was no frame that can be decoded. */
  samples: Float32Array;
  rate: number;
}

let compiled: WebAssembly.Module | undefined;

export class Mp3Module {
  private readonly wasm: Mp3Exports;

  constructor() {
    compiled ??= new WebAssembly.Module(Buffer.from(MP3_WASM, 'base64'));
    this.wasm = new WebAssembly.Instance(compiled).exports as unknown as Mp3Exports;
    this.wasm.init();
  }

  /** The next frame of at most MP3_INPUT_BYTES bytes. */
  decode(bytes: Uint8Array): Mp3Step {
    const { wasm } = this;
    new Uint8Array(wasm.memory.buffer, wasm.input(), bytes.length).set(bytes);
    const count = wasm.decode(bytes.length);
    const used = wasm.used();
    // Without a frame the rest is what an earlier call has said.
    if (count === 0) return { used, skipped: used, samples: new Float32Array(0), rate: 0 };
    const channels = wasm.channels();
    const all = new Float32Array(wasm.memory.buffer, wasm.samples(), count * channels);
    const samples = Float32Array.from({ length: count }, (_, i) =>
      cut(channels === 1 ? (all[i] as number) : ((all[2 * i] as number) + (all[2 * i + 1] as number)) / 2),
    );
    // What a damaged frame leaves in the filters would sound for ever.
    if (!all.every(Number.isFinite)) wasm.init();
    return { used, skipped: wasm.skipped(), samples, rate: wasm.rate() };
  }
}

/** A damaged frame can be as loud as numbers go. */
function cut(sample: number): number {
  return Number.isNaN(sample) ? 0 : Math.max(-1, Math.min(1, sample));
}
