/** Zero crossings of the sinc to each side, at the lower rate. */
const CROSSINGS = 16;
/** Of the lower Nyquist frequency. */
const CUTOFF = 0.9;

/**
 * From the device's rate to a lower or equal one, by a sinc under a Hann window, as the sound comes. It runs in the
 * audio thread, so it allocates what it gives out and nothing else of size.
 */
export class Downsampler {
  /** Input samples for one output sample, at least 1. */
  private readonly step: number;
  private readonly half: number;
  /** The newest input, oldest first; `half` samples of it lie before `at`. */
  private kept: Float32Array;
  /** Of the next output sample, in `kept`. */
  private at: number;

  constructor(inRate: number, outRate: number) {
    if (!(inRate >= outRate && outRate > 0)) throw new Error(`cannot go from ${inRate} to ${outRate} Hz`);
    this.step = inRate / outRate;
    this.half = Math.ceil(CROSSINGS * this.step);
    // Before the beginning there is silence.
    this.kept = new Float32Array(this.half);
    this.at = this.half;
  }

  push(input: Float32Array): Float32Array<ArrayBuffer> {
    const all = new Float32Array(this.kept.length + input.length);
    all.set(this.kept);
    all.set(input, this.kept.length);
    const count = Math.max(0, Math.ceil((all.length - this.half - this.at) / this.step));
    const out = Float32Array.from({ length: count }, (_, i) => this.sample(all, this.at + i * this.step));
    this.at += count * this.step;
    const drop = Math.min(all.length, Math.max(0, Math.floor(this.at) - this.half));
    this.kept = all.slice(drop);
    this.at -= drop;
    return out;
  }

  private sample(all: Float32Array, at: number): number {
    const cut = CUTOFF / this.step;
    let sum = 0;
    let weights = 0;
    const last = Math.min(all.length - 1, Math.floor(at) + this.half);
    for (let i = Math.max(0, Math.ceil(at) - this.half); i <= last; i++) {
      const t = i - at;
      const x = Math.PI * cut * t;
      const weight =
        (x === 0 ? 1 : Math.sin(x) / x) * (0.5 + 0.5 * Math.cos((Math.PI * t) / (this.half + 1)));
      sum += weight * (all[i] as number);
      weights += weight;
    }
    return sum / weights;
  }
}
