/** Product of `a` [rows, inner] and `b` [inner, cols], row-major. */
export type Multiply = (
  a: Float32Array,
  b: Float32Array,
  rows: number,
  inner: number,
  cols: number,
) => Promise<Float32Array>;

/** The scalar reference of `Multiply`. */
export const multiply: Multiply = async (a, b, rows, inner, cols) => {
  const out = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const value = a[i * inner + k]!;
      for (let j = 0; j < cols; j++) out[i * cols + j]! += value * b[k * cols + j]!;
    }
  }
  return out;
};

/**
 * What is known of a module's inputs x: E[x xᵀ] (`full`, [cols, cols]), only its diagonal E[x²], or nothing, in which
 * case all inputs count alike. An encoder minimises the error of W x, not that of W.
 */
export type InputMoment =
  | { kind: 'full'; values: Float32Array }
  | { kind: 'diagonal'; values: Float32Array }
  | { kind: 'none' };

/** How much of the mean of the diagonal is added to it: no input is taken to never matter. */
const DAMPING = 0.01;

/** From sums of x·xᵀ over tokens. */
export function momentOf(sums: Float32Array, cols: number, kind: 'full' | 'diagonal'): InputMoment {
  const diagonal = Float32Array.from({ length: cols }, (_, j) => sums[j * cols + j]!);
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / cols;
  if (!(mean > 0)) return { kind: 'none' };
  if (kind === 'diagonal') return { kind, values: diagonal.map((value) => value / mean + DAMPING) };
  const values = sums.map((value) => value / mean);
  for (let j = 0; j < cols; j++) values[j * cols + j]! += DAMPING;
  return { kind, values };
}

/** A·E[x xᵀ] for `a` [rows, cols]. */
export async function weigh(
  a: Float32Array,
  rows: number,
  cols: number,
  moment: InputMoment,
  product: Multiply,
): Promise<Float32Array> {
  if (moment.kind === 'none') return a;
  if (moment.kind === 'full') return product(a, moment.values, rows, cols, cols);
  return a.map((value, index) => value * moment.values[index % cols]!);
}

/** E[x xᵀ]·v for one vector. */
export function weighVector(v: Float32Array, moment: InputMoment): Float32Array {
  if (moment.kind === 'none') return v.slice();
  if (moment.kind === 'diagonal') return v.map((value, j) => value * moment.values[j]!);
  const n = v.length;
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += moment.values[i * n + j]! * v[j]!;
    out[i] = sum;
  }
  return out;
}

/** E[x_j²]. */
export function momentAt(moment: InputMoment, j: number, cols: number): number {
  if (moment.kind === 'none') return 1;
  return moment.values[moment.kind === 'full' ? j * cols + j : j]!;
}
