/**
 * Which column each row takes, all different, so that the sum of `values` is largest (the Hungarian method by shortest
 * augmenting paths, n³). `values` is square, finite.
 */
export function bestAssignment(values: readonly (readonly number[])[]): number[] {
  const n = values.length;
  // Columns and rows count from 1; 0 is the row that is being placed.
  const rowPrice = new Float64Array(n + 1);
  const columnPrice = new Float64Array(n + 1);
  const rowOf = new Int32Array(n + 1);
  for (let row = 1; row <= n; row++) {
    const least = new Float64Array(n + 1).fill(Number.POSITIVE_INFINITY);
    const before = new Int32Array(n + 1);
    const done = new Uint8Array(n + 1);
    let column = 0;
    rowOf[0] = row;
    do {
      done[column] = 1;
      const at = rowOf[column]!;
      let step = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let other = 1; other <= n; other++) {
        if (done[other]) continue;
        const cost = -values[at - 1]![other - 1]! - rowPrice[at]! - columnPrice[other]!;
        if (cost < least[other]!) {
          least[other] = cost;
          before[other] = column;
        }
        if (least[other]! < step) {
          step = least[other]!;
          next = other;
        }
      }
      for (let other = 0; other <= n; other++) {
        if (done[other]) {
          rowPrice[rowOf[other]!]! += step;
          columnPrice[other]! -= step;
        } else {
          least[other]! -= step;
        }
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      const previous = before[column]!;
      rowOf[column] = rowOf[previous]!;
      column = previous;
    }
  }
  const columns = new Array<number>(n).fill(0);
  for (let column = 1; column <= n; column++) columns[rowOf[column]! - 1] = column - 1;
  return columns;
}
