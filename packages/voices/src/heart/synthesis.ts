import { pulses } from './pulses';
import { RealFft } from './real-fft';
import { BINS, FFT_SIZE, HOP, type Spectrum, WINDOW } from './spectrum';
import { polar } from './turns';

/** Parts of a window's length that one block of HOP samples belongs to. */
const OVERLAP = FFT_SIZE / HOP;
/** Noise of a lower logarithm, in all bins together, is less than a step of 16 bits; nine bins of ten have no more. */
const INAUDIBLE = -7.6;
/** Highest logarithm of a magnitude. */
const LOUDEST = 7;
/** Where windows add up to less, the end fades instead of being blown up; with every frame they never do. */
const LEAST_WEIGHT = 0.2;
/** A cosine of amplitude 1 has magnitude 1. */
const PULSE_SCALE = 1 / (FFT_SIZE / 4);

export interface SynthesisOptions {
  /** Whether the second branch, noise, is heard. */
  noise: boolean;
  /** 1 takes every frame, 2 every other one. */
  every: 1 | 2;
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
  private readonly filters = new Filters();

  *blocks(spectrum: Spectrum, options: SynthesisOptions): Generator<Float32Array> {
    const frames = spectrum.f0.length;
    const source = pulses(spectrum.f0);
    this.sum.fill(0);
    for (let block = 0; block < frames + 2; block++) {
      if (block < frames && block % options.every === 0) this.addFrame(spectrum, block, source, options);
      // The first two belong to the time before the beginning.
      if (block >= 2) yield this.taken(block, frames, options.every);
      this.sum.copyWithin(0, HOP);
      this.sum.fill(0, FFT_SIZE - HOP);
    }
  }

  private addFrame(spectrum: Spectrum, at: number, source: Float64Array, options: SynthesisOptions): void {
    const { re, im, frame, sum } = this;
    this.windowed(source, at * HOP - FFT_SIZE / 2);
    this.fft.forward(frame, re, im);
    this.filters.apply(spectrum, at, re, im, options);
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
  private taken(block: number, frames: number, every: number): Float32Array {
    const out = new Float32Array(HOP);
    for (let n = 0; n < HOP; n++) {
      let weight = 0;
      for (let part = 0; part < OVERLAP; part++) {
        const frame = block - part;
        if (frame >= 0 && frame < frames && frame % every === 0) weight += WINDOW[part * HOP + n]! ** 2;
      }
      out[n] = this.sum[n]! / Math.max(weight, LEAST_WEIGHT);
    }
    return out;
  }
}

const magnitude = (log: number) => Math.exp(Math.min(log, LOUDEST));

/** Frames read at once: a spectrum's rows are bins, and a row's neighbours in memory are the next frames. */
const READ = 16;

/** What each frame does to the pulses' spectrum. */
class Filters {
  private readonly pulseRe = new Float32Array(READ * BINS);
  private readonly pulseIm = new Float32Array(READ * BINS);
  private readonly noise = new Float32Array(READ * BINS);
  private readonly restRe = new Float32Array(READ * BINS);
  private readonly restIm = new Float32Array(READ * BINS);

  /** Makes the pulses' spectrum `re`, `im` that of the voice, in place. Frames come in order, from 0. */
  apply(
    spectrum: Spectrum,
    frame: number,
    re: Float64Array,
    im: Float64Array,
    options: SynthesisOptions,
  ): void {
    if (frame % READ === 0) this.read(spectrum, frame, options);
    const from = (frame % READ) * BINS;
    const { pulseRe, pulseIm, noise, restRe, restIm } = this;
    for (let bin = 0; bin < BINS; bin++) {
      const at = from + bin;
      const [a, b] = [re[bin]!, im[bin]!];
      re[bin] = a * pulseRe[at]! - b * pulseIm[at]! + restRe[at]!;
      im[bin] = a * pulseIm[at]! + b * pulseRe[at]! + restIm[at]!;
    }
    if (!options.noise) return;
    const { normal } = options;
    for (let bin = 0; bin < BINS; bin++) {
      const loud = noise[from + bin]!;
      if (loud === 0) continue;
      re[bin]! += loud * normal();
      im[bin]! += loud * normal();
    }
  }

  private read(spectrum: Spectrum, first: number, { noise, every }: SynthesisOptions): void {
    const { lh, theta, ln, lr, phi, f0 } = spectrum;
    const frames = f0.length;
    const count = Math.min(READ, frames - first);
    for (let bin = 0; bin < BINS; bin++) {
      for (let each = 0; each < count; each += every) {
        const at = bin * frames + first + each;
        const to = each * BINS + bin;
        // tanh in half turns, as 1 − 2 / (e^2x + 1).
        const halfTurns = 1 - 2 / (Math.exp(2 * theta[at]!) + 1);
        polar(magnitude(lh[at]!), halfTurns / 2, this.pulseRe, this.pulseIm, to);
        polar(magnitude(lr[at]!), phi[at]! / (2 * Math.PI), this.restRe, this.restIm, to);
        if (noise) this.noise[to] = ln[at]! > INAUDIBLE ? magnitude(ln[at]!) : 0;
      }
    }
  }
}
