import { checkRate } from './audio-format';

/** Zero crossings of the sinc to each side, counted at the lower of the two rates. */
const ZERO_CROSSINGS = 32;
/** Of a Kaiser window: about 90 dB to what folds back. */
const KAISER_BETA = 9;
/** Of the lower Nyquist frequency: where the pass band has fallen by half. */
const CUTOFF = 0.92;

/**
 * From one rate to another by a windowed sinc, one set of weights for each phase between two samples. It shifts
 * nothing: sample k of the output stands at the time k / outRate of the input. N samples in are ceil(N · out / in)
 * samples out, however they were cut.
 */
export class Resampler {
  /** Output samples and input samples of one period. */
  private readonly up: number;
  private readonly down: number;
  private readonly bank: FilterBank | null;
  /** Input from `base` on, absolute position of its first sample. */
  private kept = new Float32Array(0);
  private base = 0;
  private taken = 0;
  private given = 0;

  /** @throws AudioError unsupported for a rate that is not in SAMPLE_RATES */
  constructor(
    readonly inRate: number,
    readonly outRate: number,
  ) {
    checkRate('sample_rate', inRate);
    checkRate('sample_rate', outRate);
    const divisor = gcd(inRate, outRate);
    this.up = outRate / divisor;
    this.down = inRate / divisor;
    this.bank = inRate === outRate ? null : bankOf(this.up, this.down);
  }

  /** What can be said now; the rest waits for the samples after it. */
  push(samples: Float32Array): Float32Array {
    this.taken += samples.length;
    if (!this.bank) return samples;
    this.kept = joined(this.kept, samples);
    // Sample k needs input up to floor(k · down / up) + half.
    const ready = Math.ceil(((this.taken - this.bank.half) * this.up) / this.down);
    return this.make(this.bank, ready);
  }

  /** The rest. Beyond its ends the input is silent. */
  end(): Float32Array {
    if (!this.bank) return new Float32Array(0);
    return this.make(this.bank, Math.ceil((this.taken * this.up) / this.down));
  }

  private make({ half, phases }: FilterBank, until: number): Float32Array {
    const { up, down, kept } = this;
    const out = new Float32Array(Math.max(0, until - this.given));
    for (let i = 0; i < out.length; i++) {
      const at = (this.given + i) * down;
      const whole = Math.floor(at / up);
      const weights = phases[at - whole * up] as Float32Array;
      // weights[j] belongs to input sample whole - half + 1 + j.
      const first = whole - half + 1 - this.base;
      const from = Math.max(0, -first);
      const to = Math.min(weights.length, kept.length - first);
      let sum = 0;
      for (let j = from; j < to; j++) sum += (weights[j] as number) * (kept[first + j] as number);
      out[i] = sum;
    }
    this.given += out.length;
    const needed = Math.floor((this.given * down) / up) - half + 1;
    const drop = Math.min(kept.length, Math.max(0, needed - this.base));
    this.kept = kept.slice(drop);
    this.base += drop;
    return out;
  }
}

interface FilterBank {
  /** Input samples to each side of the point. */
  half: number;
  /** For each of `up` positions between two input samples, 2 · half weights. */
  phases: Float32Array[];
}

const BANKS = new Map<string, FilterBank>();

/** Made once for each ratio: there are few of them. */
function bankOf(up: number, down: number): FilterBank {
  const key = `${up}/${down}`;
  let bank = BANKS.get(key);
  if (!bank) {
    bank = makeBank(up, down);
    BANKS.set(key, bank);
  }
  return bank;
}

/**
 * weight(t) = c · sinc(c · t) · kaiser(t / half), t in input samples from the output's place, c = CUTOFF · min(1, out / in).
 * Each phase is scaled to a sum of one, so that a constant stays the same to the last bit but rounding.
 */
function makeBank(up: number, down: number): FilterBank {
  const narrow = Math.min(1, up / down);
  const cut = CUTOFF * narrow;
  const half = Math.ceil(ZERO_CROSSINGS / narrow);
  const phases = Array.from({ length: up }, (_, phase) => {
    const weights = Float64Array.from({ length: 2 * half }, (_, j) => {
      const t = j - half + 1 - phase / up;
      return cut * sinc(cut * t) * kaiser(t / half);
    });
    const sum = weights.reduce((all, weight) => all + weight, 0);
    return Float32Array.from(weights, (weight) => weight / sum);
  });
  return { half, phases };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

const KAISER_SCALE = bessel0(KAISER_BETA);

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel0(KAISER_BETA * Math.sqrt(1 - x * x)) / KAISER_SCALE;
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function joined(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const all = new Float32Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
