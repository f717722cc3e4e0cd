import { dot, type Fit } from './encoded';
import { type InputMoment, type Multiply, weigh } from './input-moment';
import { eigenvectors } from './jacobi';

export interface LowRank {
  /** [rank, cols] */
  a: Float32Array;
  /** [rows, rank], orthonormal columns, the most important first. */
  b: Float32Array;
  fit: Fit;
}

/** Directions beyond the wanted ones, and rounds: enough for the spectra of fine-tunes. */
const EXTRA = 8;
const ROUNDS = 8;

/**
 * The B A of a rank for which (B A) x comes nearest to delta·x: B spans the largest directions of
 * delta·E[x xᵀ]·deltaᵀ (found by subspace iteration), and A = Bᵀ·delta.
 */
export async function lowRank(
  delta: Float32Array,
  rows: number,
  cols: number,
  wanted: number,
  moment: InputMoment,
  product: Multiply,
): Promise<LowRank> {
  const rank = Math.min(wanted, rows, cols);
  const weighed = await weigh(delta, rows, cols, moment, product);
  const width = Math.min(rank + EXTRA, rows, cols);
  // Kept as rows [width, rows], which is how they are made orthogonal.
  let span = noise(width * rows);
  orthogonalize(span, width, rows);
  const deltaRight = transposed(delta, rows, cols);
  /** Rows of `q` times delta·E[x xᵀ]·deltaᵀ. */
  const through = async (q: Float32Array) =>
    product(await product(q, weighed, width, rows, cols), deltaRight, width, cols, rows);
  for (let round = 0; round < ROUNDS; round++) {
    span = await through(span);
    orthogonalize(span, width, rows);
  }
  const seen = await product(span, weighed, width, rows, cols);
  const inner = await product(seen, deltaRight, width, cols, rows);
  const small = await product(inner, transposed(span, width, rows), width, rows, width);
  const { vectors } = eigenvectors(Float64Array.from(small), width);
  const turn = Float32Array.from(vectors.subarray(0, rank * width));
  const best = await product(turn, span, rank, width, rows);
  const a = await product(best, delta, rank, rows, cols);
  const kept = dot(a, await weigh(a, rank, cols, moment, product));
  return { a, b: transposed(best, rank, rows), fit: { total: dot(delta, weighed), kept } };
}

export function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = values[i * cols + j]!;
  return out;
}

/** Gram-Schmidt over rows, twice: once is not enough in float32. A row that vanishes becomes zero. */
function orthogonalize(q: Float32Array, count: number, size: number): void {
  for (let i = 0; i < count; i++) {
    const row = q.subarray(i * size, (i + 1) * size);
    const before = Math.sqrt(dot(row, row));
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = q.subarray(k * size, (k + 1) * size);
        const share = dot(row, other);
        for (let j = 0; j < size; j++) row[j]! -= share * other[j]!;
      }
    }
    const norm = Math.sqrt(dot(row, row));
    const scale = norm > before * 1e-6 && norm > 0 ? 1 / norm : 0;
    for (let j = 0; j < size; j++) row[j]! *= scale;
  }
}

/** The same numbers in every run: a build gives the same bytes again. */
function noise(count: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
