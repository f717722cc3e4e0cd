/**
 * The Fourier transform of `size` real values (even, of factors 2, 3 and 5) by a complex one of half the size: mixed
 * radix, self-sorting (Stockham). Not thread-safe; one instance per user.
 */
export class RealFft {
  readonly bins: number;
  private readonly half: number;
  private readonly radices: number[] = [];
  private readonly cos: Float64Array;
  private readonly sin: Float64Array;
  private re: Float64Array;
  private im: Float64Array;
  private re2: Float64Array;
  private im2: Float64Array;

  constructor(readonly size: number) {
    this.half = size / 2;
    this.bins = this.half + 1;
    const refused = new RangeError(`size ${size} must be even, above 0 and without a factor above 5`);
    if (!Number.isInteger(this.half) || this.half < 1) throw refused;
    let rest = this.half;
    for (const radix of [5, 4, 3, 2]) {
      while (rest % radix === 0) {
        this.radices.push(radix);
        rest /= radix;
      }
    }
    if (rest !== 1) throw refused;
    this.cos = Float64Array.from({ length: size }, (_, at) => Math.cos((2 * Math.PI * at) / size));
    this.sin = Float64Array.from({ length: size }, (_, at) => Math.sin((2 * Math.PI * at) / size));
    [this.re, this.im, this.re2, this.im2] = Array.from({ length: 4 }, () => new Float64Array(this.half)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
  }

  /** `input` [size] to `re` and `im` [bins]. */
  forward(input: Float64Array, re: Float64Array, im: Float64Array): void {
    const { half } = this;
    for (let at = 0; at < half; at++) {
      this.re[at] = input[2 * at]!;
      this.im[at] = input[2 * at + 1]!;
    }
    this.transform();
    const { re: zr, im: zi, cos, sin } = this;
    for (let at = 0; at <= half; at++) {
      const a = at === half ? 0 : at;
      const b = at === 0 ? 0 : half - at;
      const evenRe = (zr[a]! + zr[b]!) / 2;
      const evenIm = (zi[a]! - zi[b]!) / 2;
      const oddRe = (zi[a]! + zi[b]!) / 2;
      const oddIm = (zr[b]! - zr[a]!) / 2;
      re[at] = evenRe + cos[at]! * oddRe + sin[at]! * oddIm;
      im[at] = evenIm + cos[at]! * oddIm - sin[at]! * oddRe;
    }
  }

  /** `re` and `im` [bins] to `output` [size]; the imaginary parts at both ends do not count. */
  inverse(re: Float64Array, im: Float64Array, output: Float64Array): void {
    const { half, cos, sin } = this;
    for (let at = 0; at < half; at++) {
      const other = half - at;
      const imA = at === 0 ? 0 : im[at]!;
      const imB = at === 0 ? 0 : im[other]!;
      const evenRe = re[at]! + re[other]!;
      const evenIm = imA - imB;
      const diffRe = re[at]! - re[other]!;
      const diffIm = imA + imB;
      const oddRe = diffRe * cos[at]! - diffIm * sin[at]!;
      const oddIm = diffRe * sin[at]! + diffIm * cos[at]!;
      // The inverse is the forward transform of the conjugate.
      this.re[at] = evenRe - oddIm;
      this.im[at] = -(evenIm + oddRe);
    }
    this.transform();
    const scale = 1 / this.size;
    for (let at = 0; at < half; at++) {
      output[2 * at] = this.re[at]! * scale;
      output[2 * at + 1] = -this.im[at]! * scale;
    }
  }

  /** Complex transform of `re`, `im` [half], in place as seen from outside. */
  private transform(): void {
    let stride = 1;
    for (const radix of this.radices) {
      const groups = this.half / stride / radix;
      if (radix === 2) this.radix2(groups, stride);
      else if (radix === 3) this.radix3(groups, stride);
      else if (radix === 4) this.radix4(groups, stride);
      else this.radix5(groups, stride);
      [this.re, this.re2] = [this.re2, this.re];
      [this.im, this.im2] = [this.im2, this.im];
      stride *= radix;
    }
  }

  /** y = (re + i im) · e^(-2πi turn / half) at `to`. */
  private put(to: number, re: number, im: number, turn: number): void {
    const c = this.cos[2 * turn]!;
    const s = this.sin[2 * turn]!;
    this.re2[to] = re * c + im * s;
    this.im2[to] = im * c - re * s;
  }

  private radix2(groups: number, stride: number): void {
    const { re, im } = this;
    for (let k = 0; k < groups; k++) {
      for (let q = 0; q < stride; q++) {
        const a = q + stride * k;
        const b = a + stride * groups;
        const to = q + stride * 2 * k;
        this.re2[to] = re[a]! + re[b]!;
        this.im2[to] = im[a]! + im[b]!;
        this.put(to + stride, re[a]! - re[b]!, im[a]! - im[b]!, k * stride);
      }
    }
  }

  private radix3(groups: number, stride: number): void {
    const { re, im } = this;
    const SIN = Math.sqrt(3) / 2;
    for (let k = 0; k < groups; k++) {
      for (let q = 0; q < stride; q++) {
        const a = q + stride * k;
        const b = a + stride * groups;
        const c = b + stride * groups;
        const to = q + stride * 3 * k;
        const sumRe = re[b]! + re[c]!;
        const sumIm = im[b]! + im[c]!;
        const midRe = re[a]! - sumRe / 2;
        const midIm = im[a]! - sumIm / 2;
        const difRe = SIN * (im[b]! - im[c]!);
        const difIm = SIN * (re[c]! - re[b]!);
        this.re2[to] = re[a]! + sumRe;
        this.im2[to] = im[a]! + sumIm;
        this.put(to + stride, midRe + difRe, midIm + difIm, k * stride);
        this.put(to + 2 * stride, midRe - difRe, midIm - difIm, 2 * k * stride);
      }
    }
  }

  private radix4(groups: number, stride: number): void {
    const { re, im } = this;
    for (let k = 0; k < groups; k++) {
      for (let q = 0; q < stride; q++) {
        const a = q + stride * k;
        const b = a + stride * groups;
        const c = b + stride * groups;
        const d = c + stride * groups;
        const to = q + stride * 4 * k;
        const acRe = re[a]! + re[c]!;
        const acIm = im[a]! + im[c]!;
        const bdRe = re[b]! + re[d]!;
        const bdIm = im[b]! + im[d]!;
        const aMinusRe = re[a]! - re[c]!;
        const aMinusIm = im[a]! - im[c]!;
        const bMinusRe = re[b]! - re[d]!;
        const bMinusIm = im[b]! - im[d]!;
        this.re2[to] = acRe + bdRe;
        this.im2[to] = acIm + bdIm;
        this.put(to + stride, aMinusRe + bMinusIm, aMinusIm - bMinusRe, k * stride);
        this.put(to + 2 * stride, acRe - bdRe, acIm - bdIm, 2 * k * stride);
        this.put(to + 3 * stride, aMinusRe - bMinusIm, aMinusIm + bMinusRe, 3 * k * stride);
      }
    }
  }

  private radix5(groups: number, stride: number): void {
    const { re, im } = this;
    const C1 = Math.cos((2 * Math.PI) / 5);
    const C2 = Math.cos((4 * Math.PI) / 5);
    const S1 = Math.sin((2 * Math.PI) / 5);
    const S2 = Math.sin((4 * Math.PI) / 5);
    for (let k = 0; k < groups; k++) {
      for (let q = 0; q < stride; q++) {
        const a = q + stride * k;
        const b = a + stride * groups;
        const c = b + stride * groups;
        const d = c + stride * groups;
        const e = d + stride * groups;
        const to = q + stride * 5 * k;
        const beRe = re[b]! + re[e]!;
        const beIm = im[b]! + im[e]!;
        const cdRe = re[c]! + re[d]!;
        const cdIm = im[c]! + im[d]!;
        const beMinusRe = re[b]! - re[e]!;
        const beMinusIm = im[b]! - im[e]!;
        const cdMinusRe = re[c]! - re[d]!;
        const cdMinusIm = im[c]! - im[d]!;
        const nearRe = re[a]! + C1 * beRe + C2 * cdRe;
        const nearIm = im[a]! + C1 * beIm + C2 * cdIm;
        const farRe = re[a]! + C2 * beRe + C1 * cdRe;
        const farIm = im[a]! + C2 * beIm + C1 * cdIm;
        const turnRe = S1 * beMinusIm + S2 * cdMinusIm;
        const turnIm = -(S1 * beMinusRe + S2 * cdMinusRe);
        const backRe = S2 * beMinusIm - S1 * cdMinusIm;
        const backIm = -(S2 * beMinusRe - S1 * cdMinusRe);
        this.re2[to] = re[a]! + beRe + cdRe;
        this.im2[to] = im[a]! + beIm + cdIm;
        this.put(to + stride, nearRe + turnRe, nearIm + turnIm, k * stride);
        this.put(to + 2 * stride, farRe + backRe, farIm + backIm, 2 * k * stride);
        this.put(to + 3 * stride, farRe - backRe, farIm - backIm, 3 * k * stride);
        this.put(to + 4 * stride, nearRe - turnRe, nearIm - turnIm, 4 * k * stride);
      }
    }
  }
}
