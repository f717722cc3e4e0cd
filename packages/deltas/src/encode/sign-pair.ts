import { dot } from './encoded';
import { type InputMoment, momentAt, weighVector } from './input-moment';

/** Ascents over the signs of one vector; they hardly move after that. */
const PASSES = 3;

/**
 * Signs a that raise (g·a)² / (aᵀ M a), the error that one sign vector takes away, by flipping one after the other,
 * begun at the signs of `start`. Returns them with M·a.
 */
export function bestSigns(
  g: Float32Array,
  start: Float32Array,
  moment: InputMoment,
): { a: Float32Array; ma: Float32Array; size: number } {
  const n = g.length;
  const a = start.map((value) => (value >= 0 ? 1 : -1));
  if (moment.kind !== 'full') {
    // aᵀ M a is the same for all signs.
    for (let j = 0; j < n; j++) a[j] = g[j]! >= 0 ? 1 : -1;
    const ma = weighVector(a, moment);
    return { a, ma, size: dot(a, ma) };
  }
  let ma = weighVector(a, moment);
  let along = dot(g, a);
  let size = dot(a, ma);
  for (let pass = 0; pass < PASSES; pass++) {
    let flips = 0;
    for (let j = 0; j < n; j++) {
      const nextAlong = along - 2 * g[j]! * a[j]!;
      const nextSize = size - 4 * a[j]! * ma[j]! + 4 * momentAt(moment, j, n);
      if (!(nextSize > 0) || nextAlong ** 2 * size <= along ** 2 * nextSize) continue;
      const step = -2 * a[j]!;
      const row = moment.values.subarray(j * n, (j + 1) * n);
      for (let k = 0; k < n; k++) ma[k]! += step * row[k]!;
      a[j] = -a[j]!;
      along = nextAlong;
      size = nextSize;
      flips++;
    }
    ma = weighVector(a, moment);
    size = dot(a, ma);
    if (flips === 0) break;
  }
  return { a, ma, size };
}
