/** Eigenvectors of a symmetric matrix [n, n] as rows, largest eigenvalue first: cyclic Jacobi rotations. */
export function eigenvectors(
  matrix: Float64Array,
  n: number,
): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < 30 && rotate(a, v, n); sweep++);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]!);
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) vectors.set(v.subarray(from * n, (from + 1) * n), to * n);
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors };
}

/** One sweep; false where nothing was left to turn. `v` holds the vectors as rows. */
function rotate(a: Float64Array, v: Float64Array, n: number): boolean {
  let turned = false;
  for (let p = 0; p < n; p++) {
    for (let q = p + 1; q < n; q++) {
      const off = (a[p * n + q]! + a[q * n + p]!) / 2;
      if (Math.abs(off) <= 1e-14 * Math.sqrt(Math.abs(a[p * n + p]! * a[q * n + q]!))) continue;
      turned = true;
      const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * off);
      const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      const c = 1 / Math.sqrt(t * t + 1);
      const s = t * c;
      for (let k = 0; k < n; k++) {
        const [kp, kq] = [a[k * n + p]!, a[k * n + q]!];
        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
      }
      for (let k = 0; k < n; k++) {
        const [pk, qk] = [a[p * n + k]!, a[q * n + k]!];
        a[p * n + k] = c * pk - s * qk;
        a[q * n + k] = s * pk + c * qk;
        const [vp, vq] = [v[p * n + k]!, v[q * n + k]!];
        v[p * n + k] = c * vp - s * vq;
        v[q * n + k] = s * vp + c * vq;
      }
    }
  }
  return turned;
}
