/** Arrays one behind the other. */
export function joinBytes(arrays: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(sizeOf(arrays));
  place(arrays, (array, at) => joined.set(array, at));
  return joined;
}

export function joinWords(arrays: readonly Uint16Array[]): Uint16Array {
  const joined = new Uint16Array(sizeOf(arrays));
  place(arrays, (array, at) => joined.set(array, at));
  return joined;
}

const sizeOf = (arrays: readonly { length: number }[]) => arrays.reduce((sum, { length }) => sum + length, 0);

function place<T extends { length: number }>(
  arrays: readonly T[],
  set: (array: T, at: number) => void,
): void {
  let at = 0;
  for (const array of arrays) {
    set(array, at);
    at += array.length;
  }
}
