import { pulses } from './pulses';
import { RealFft } from './real-fft';
import { BINS, FFT_SIZE, HOP, type Spectrum, WINDOW } from './spectrum';

/** Parts of a window's length that one block of HOP samples belongs to. */
const OVERLAP = FFT_SIZE / HOP;
/** Highest logarithm of a magnitude. */
const LOUDEST = 7;
/** A cosine of amplitude 1 has magnitude 1. */
const PULSE_SCALE = 1 / (FFT_SIZE / 4);

export interface SynthesisOptions {
  /** Bins that are computed, from the lowest; BINS is all. */
  bins: number;
  /** Whether what is neither pulse nor noise is heard. */
  rest: boolean;
  /** Draws from a normal distribution of variance 1. */
  normal: () => number;
}

/**
 * Turns a spectrum into sound, HOP samples (12.5 ms) at a time: pulses shaped by one branch, noise by the second, and the
 * third as it is; then windows that overlap are added. All of it is F·HOP samples.
 */
export class Synthesis {
  private readonly fft = new RealFft(FFT_SIZE);
  private readonly frame = new Float64Array(FFT_SIZE);
  private readonly sum = new Float64Array(FFT_SIZE);
  private readonly re = new Float64Array(BINS);
  private readonly im = new Float64Array(BINS);

  *blocks(spectrum: Spectrum, options: SynthesisOptions): Generator<Float32Array> {
    const frames = spectrum.f0.length;
    const source = pulses(spectrum.f0);
    this.sum.fill(0);
    for (let block = 0; block < frames + 2; block++) {
      if (block < frames) this.addFrame(spectrum, block, source, options);
      // The first two belong to the time before the beginning.
      if (block >= 2) yield this.taken(block, frames);
      this.sum.copyWithin(0, HOP);
      this.sum.fill(0, FFT_SIZE - HOP);
    }
  }

  private addFrame(spectrum: Spectrum, at: number, source: Float64Array, options: SynthesisOptions): void {
    const { re, im, frame, sum } = this;
    this.windowed(source, at * HOP - FFT_SIZE / 2);
    this.fft.forward(frame, re, im);
    mix(spectrum, at, re, im, options);
    this.fft.inverse(re, im, frame);
    for (let n = 0; n < FFT_SIZE; n++) sum[n]! += frame[n]! * WINDOW[n]!;
  }

  /** A window's length of the source from `start` on, mirrored at both ends. */
  private windowed(source: Float64Array, start: number): void {
    const last = source.length - 1;
    for (let n = 0; n < FFT_SIZE; n++) {
      let at = Math.abs(start + n);
      if (at > last) at = Math.abs(2 * last - at);
      this.frame[n] = (source[at] ?? 0) * WINDOW[n]! * PULSE_SCALE;
    }
  }

  /** The oldest HOP samples of the sum, divided by what the windows over them add up to. */
  private taken(block: number, frames: number): Float32Array {
    const out = new Float32Array(HOP);
    for (let n = 0; n < HOP; n++) {
      let weight = 0;
      for (let part = 0; part < OVERLAP; part++) {
        const frame = block - part;
        if (frame >= 0 && frame < frames) weight += WINDOW[part * HOP + n]! ** 2;
      }
      out[n] = this.sum[n]! / Math.max(weight, 1e-11);
    }
    return out;
  }
}

const magnitude = (log: number) => Math.exp(Math.min(log, LOUDEST));

/** Makes the pulses' spectrum `re`, `im` that of the voice, in place. */
function mix(
  { lh, theta, ln, lr, phi, f0 }: Spectrum,
  frame: number,
  re: Float64Array,
  im: Float64Array,
  { bins, rest, normal }: SynthesisOptions,
): void {
  const frames = f0.length;
  for (let bin = 0; bin < bins; bin++) {
    const at = bin * frames + frame;
    const loud = magnitude(lh[at]!);
    const turn = Math.PI * Math.tanh(theta[at]!);
    const [c, s] = [loud * Math.cos(turn), loud * Math.sin(turn)];
    const noise = magnitude(ln[at]!);
    const [pulseRe, pulseIm] = [re[bin]!, im[bin]!];
    re[bin] = pulseRe * c - pulseIm * s + noise * normal();
    im[bin] = pulseRe * s + pulseIm * c + noise * normal();
    if (rest) {
      const other = magnitude(lr[at]!);
      re[bin]! += other * Math.cos(phi[at]!);
      im[bin]! += other * Math.sin(phi[at]!);
    }
  }
  re.fill(0, bins);
  im.fill(0, bins);
}
