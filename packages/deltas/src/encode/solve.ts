/**
 * Solves A x = b for a symmetric, positive semidefinite A [n, n] by Cholesky; directions that A does not see
 * (a vanishing pivot) get 0.
 */
export function solve(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const l = a.slice();
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i]!);
  const least = largest * 1e-10;
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = l[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      if (i === j) l[j * n + j] = sum > least ? Math.sqrt(sum) : 0;
      else l[i * n + j] = l[j * n + j] === 0 ? 0 : sum / l[j * n + j]!;
    }
  }
  const x = b.slice();
  for (let i = 0; i < n; i++) {
    let sum = x[i]!;
    for (let k = 0; k < i; k++) sum -= l[i * n + k]! * x[k]!;
    x[i] = l[i * n + i] === 0 ? 0 : sum / l[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i]!;
    for (let k = i + 1; k < n; k++) sum -= l[k * n + i]! * x[k]!;
    x[i] = l[i * n + i] === 0 ? 0 : sum / l[i * n + i]!;
  }
  return x;
}
