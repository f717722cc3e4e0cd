import { fromHalf, toHalf } from '../float16';
import { signBits } from '../sign-bits';
import { dot, type Fit } from './encoded';
import { type InputMoment, type Multiply, weigh } from './input-moment';
import { transposed } from './low-rank';
import { bestSigns } from './sign-pair';
import { solve } from './solve';

export interface EncodedLora1 {
  /** [rank, cols] and [rank, rows] as bits. */
  a: Uint8Array;
  b: Uint8Array;
  scales: Uint16Array;
  fit: Fit;
}

/** Rounds of finding a pair's direction, of settling its signs (new, and again), and of doing all pairs again. */
const POWER = 6;
const SETTLE = 4;
const SETTLE_AGAIN = 2;
const SWEEPS = 3;

interface Pair {
  a: Float32Array;
  b: Float32Array;
  /** E[x xᵀ]·a and aᵀ·E[x xᵀ]·a. */
  ma: Float32Array;
  size: number;
  scale: number;
}

/**
 * The sum of `rank` pairs scale·b·aᵀ of sign vectors that comes nearest to delta in y = W x. Each pair begins as the
 * largest direction of what the others leave, as a low-rank factorization would take it; then signs and scales are
 * fitted in turn, and all scales together at the end.
 */
export async function encodeLora1(
  delta: Float32Array,
  rows: number,
  cols: number,
  rank: number,
  moment: InputMoment,
  product: Multiply,
): Promise<EncodedLora1> {
  const weighed = await weigh(delta, rows, cols, moment, product);
  const rest = new Rest(weighed, transposed(delta, rows, cols), transposed(weighed, rows, cols), rows, cols);
  const pairs: Pair[] = [];
  for (let r = 0; r < rank; r++) {
    const direction = largest(rest, pairs, r);
    pairs.push(settle(rest, pairs, direction, moment, SETTLE));
    await breathe();
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const [r, pair] of pairs.entries()) {
      const others = pairs.filter((_, index) => index !== r);
      pairs[r] = settle(rest, others, pair.a, moment, SETTLE_AGAIN);
    }
    fitScales(rest, pairs);
    await breathe();
  }
  const scales = Uint16Array.from(pairs, ({ scale }) => toHalf(scale));
  return {
    a: joined(pairs.map(({ a }) => signBits(a, 1, cols))),
    b: joined(pairs.map(({ b }) => signBits(b, 1, rows))),
    scales,
    fit: { total: dot(delta, weighed), kept: rest.explained(pairs, scales) },
  };
}

/** delta minus the pairs that are settled, as products with vectors. */
class Rest {
  constructor(
    private readonly weighed: Float32Array,
    private readonly deltaT: Float32Array,
    private readonly weighedT: Float32Array,
    readonly rows: number,
    readonly cols: number,
  ) {}

  /** rest·E[x xᵀ]·v */
  weighedTimes(v: Float32Array, pairs: readonly Pair[]): Float32Array {
    const out = times(this.weighed, v, this.rows, this.cols);
    for (const { b, ma, scale } of pairs) add(out, b, -scale * dot(ma, v));
    return out;
  }
  /** (rest·E[x xᵀ])ᵀ·u */
  weighedBack(u: Float32Array, pairs: readonly Pair[]): Float32Array {
    const out = times(this.weighedT, u, this.cols, this.rows);
    for (const { b, ma, scale } of pairs) add(out, ma, -scale * dot(b, u));
    return out;
  }
  /** restᵀ·u */
  back(u: Float32Array, pairs: readonly Pair[]): Float32Array {
    const out = times(this.deltaT, u, this.cols, this.rows);
    for (const { a, b, scale } of pairs) add(out, a, -scale * dot(b, u));
    return out;
  }
  /** How much of a pair lies in delta. */
  along({ a, b }: Pair): number {
    return dot(b, times(this.weighed, a, this.rows, this.cols));
  }
  /** The error that the pairs take away. */
  explained(pairs: readonly Pair[], scales: Uint16Array): number {
    let kept = 0;
    for (const [r, pair] of pairs.entries()) {
      const scale = fromHalf(scales[r]!);
      kept += 2 * scale * this.along(pair);
      for (const [s, other] of pairs.entries()) {
        kept -= scale * fromHalf(scales[s]!) * dot(pair.b, other.b) * dot(pair.a, other.ma);
      }
    }
    return kept;
  }
}

/** The right side of the largest direction of the rest, by power iteration. */
function largest(rest: Rest, pairs: readonly Pair[], seed: number): Float32Array {
  let u: Float32Array = Float32Array.from({ length: rest.rows }, (_, i) => Math.sin((i + 1) * (seed + 1.7)));
  let a: Float32Array = new Float32Array(rest.cols);
  for (let round = 0; round < POWER; round++) {
    a = unit(rest.back(u, pairs));
    u = unit(rest.weighedTimes(a, pairs));
  }
  return a;
}

/** Signs of a pair beside others, begun at `start`, each side in turn the best for the other. */
function settle(
  rest: Rest,
  others: readonly Pair[],
  start: Float32Array,
  moment: InputMoment,
  rounds: number,
): Pair {
  let found = bestSigns(start, start, { kind: 'none' });
  let b = new Float32Array(rest.rows);
  for (let round = 0; round < rounds; round++) {
    const before = found.a;
    b = rest.weighedTimes(found.a, others).map((value) => (value >= 0 ? 1 : -1));
    found = bestSigns(rest.weighedBack(b, others), found.a, moment);
    if (found.a.every((value, j) => value === before[j])) break;
  }
  const along = dot(b, rest.weighedTimes(found.a, others));
  if (along < 0) b = b.map((value) => -value);
  const size = rest.rows * found.size;
  return { ...found, b, scale: size > 0 ? Math.abs(along) / size : 0 };
}

/** All scales at once; one that comes out below zero turns its pair round. */
function fitScales(rest: Rest, pairs: Pair[]): void {
  const n = pairs.length;
  const left = new Float64Array(n * n);
  const right = Float64Array.from(pairs, (pair) => rest.along(pair));
  for (const [r, one] of pairs.entries()) {
    for (const [s, other] of pairs.entries()) left[r * n + s] = dot(one.b, other.b) * dot(one.a, other.ma);
  }
  for (const [r, scale] of solve(left, right, n).entries()) {
    const pair = pairs[r]!;
    pair.scale = Math.abs(scale);
    if (scale < 0) pair.b = pair.b.map((value) => -value);
  }
}

function times(matrix: Float32Array, v: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0, at = i * cols; j < cols; j++, at++) sum += matrix[at]! * v[j]!;
    out[i] = sum;
  }
  return out;
}

function add(out: Float32Array, v: Float32Array, scale: number): void {
  for (let i = 0; i < out.length; i++) out[i]! += scale * v[i]!;
}

function unit(v: Float32Array): Float32Array {
  const norm = Math.sqrt(dot(v, v));
  return norm > 0 ? v.map((value) => value / norm) : v;
}

function joined(rows: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(rows));
}

/** Lets what else runs in this process have its turn. */
const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));
