/** G.711: 16-bit samples in 8 bits, by segments that grow twofold (ITU-T G.711). */

const BIAS = 0x84;
const MOST_MULAW = 32_635;

/** One signed 16-bit sample. */
export function mulawOf(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), MOST_MULAW) + BIAS;
  const segment = 24 - Math.clz32(magnitude);
  const step = (magnitude >> (segment + 3)) & 0x0f;
  return ~(sign | (segment << 4) | step) & 0xff;
}

export function fromMulaw(code: number): number {
  const bits = ~code & 0xff;
  const segment = (bits >> 4) & 7;
  const magnitude = ((((bits & 0x0f) << 3) + BIAS) << segment) - BIAS;
  return bits & 0x80 ? -magnitude : magnitude;
}

/** Even bits are inverted on the wire. */
const ALAW_MASK = 0x55;

export function alawOf(sample: number): number {
  // Thirteen bits count; minus one is the first of the negative side.
  const negative = sample < 0;
  const magnitude = (negative ? ~sample : sample) >> 3;
  const segment = Math.max(0, 27 - Math.clz32(magnitude));
  const step = segment === 0 ? magnitude >> 1 : magnitude >> segment;
  const code = (segment << 4) | (step & 0x0f) | (negative ? 0 : 0x80);
  return code ^ ALAW_MASK;
}

export function fromAlaw(code: number): number {
  const bits = code ^ ALAW_MASK;
  const segment = (bits >> 4) & 7;
  const step = ((bits & 0x0f) << 4) | 8;
  const magnitude = segment === 0 ? step : (step | 0x100) << (segment - 1);
  return bits & 0x80 ? magnitude : -magnitude;
}
