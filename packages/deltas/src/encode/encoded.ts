/** How well a module's change was kept: shares of the weighted squared error of y = W x, summed by the caller. */
export interface Fit {
  /** Of the change itself. */
  total: number;
  /** That the encoded change explains. */
  kept: number;
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
