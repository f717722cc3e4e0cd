import { HOP, SAMPLE_RATE } from './spectrum';

/** Below it there is no voice, in hertz. */
const LOWEST = 40;
/** Harmonics up to here, in hertz. */
const HIGHEST = 11_000;
/** Where the closed form divides by almost nothing. */
const NEAR_ZERO = 2e-3;

/**
 * What vocal cords do: every harmonic of the pitch below HIGHEST at amplitude 1, from `f0` [F] in hertz per frame,
 * interpolated, as F·HOP samples. Σ cos(h·t) for h = 1..H is sin((H+½)t) / (2 sin(t/2)) − ½.
 */
export function pulses(f0: Float32Array): Float64Array {
  const frames = f0.length;
  const out = new Float64Array(frames * HOP);
  let phase = 0;
  for (let frame = 0; frame < frames; frame++) {
    const here = f0[frame]!;
    const before = f0[Math.max(0, frame - 1)]!;
    const after = f0[Math.min(frames - 1, frame + 1)]!;
    for (let at = 0; at < HOP; at++) {
      const place = (at + 0.5) / HOP - 0.5;
      const pitch = place < 0 ? here + (here - before) * place : here + (after - here) * place;
      const held = Math.max(pitch, LOWEST);
      phase = (phase + held / SAMPLE_RATE) % 1;
      if (pitch <= LOWEST) continue;
      const t = 2 * Math.PI * phase;
      const harmonics = Math.floor(HIGHEST / held) + 0.5;
      const below = 2 * Math.sin(t / 2);
      const value = Math.abs(below) <= NEAR_ZERO ? harmonics : Math.sin(harmonics * t) / below;
      out[frame * HOP + at] = value - 0.5;
    }
  }
  return out;
}
