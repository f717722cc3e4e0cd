const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** IEEE half precision to a number, exact for every pattern. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The nearest half to a number; of two equally near ones the even one; infinite from 65,520 on. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65_520) return sign | 0x7c00;
  // Halves of one exponent are evenly spaced, and those below 2^-14 as those just above it.
  let power = Math.max(-14, Math.floor(Math.log2(size)));
  if (size < 2 ** power) power = Math.max(-14, power - 1);
  if (size >= 2 ** (power + 1)) power++;
  const steps = roundEven(size / 2 ** (power - 10));
  // Steps hold the leading one of normal numbers; a carry out of the fraction is the next exponent.
  return sign | (((power + 14) << 10) + steps);
}

/** bfloat16 to a number. */
export function fromBfloat(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

/** The nearest bfloat16 to a float32; of two equally near ones the even one. */
export function toBfloat(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  if (Number.isNaN(value)) return 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}
