/** Signs of row-major values as bits: 1 for zero and above, rows padded to whole bytes. */
export function signBits(values: ArrayLike<number>, rows: number, cols: number): Uint8Array {
  const rowBytes = Math.ceil(cols / 8);
  const bits = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      if (values[row * cols + col]! >= 0) bits[row * rowBytes + (col >> 3)]! |= 1 << (col & 7);
    }
  }
  return bits;
}
