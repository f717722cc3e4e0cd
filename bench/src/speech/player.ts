/** A stretch of audio as it came to a listener. */
export interface Heard {
  /** When it was there, milliseconds of any clock. */
  atMs: number;
  durationMs: number;
}

export interface Playback {
  /** How long the listener heard nothing in the middle, in all. */
  underrunMs: number;
  /** The longest of those silences. */
  longestMs: number;
  audioMs: number;
  /** From one arrival to the next. */
  gapsMs: number[];
}

/** What somebody hears who plays each stretch as soon as it is there and the one before it is over. */
export function played(stretches: readonly Heard[]): Playback {
  const out: Playback = { underrunMs: 0, longestMs: 0, audioMs: 0, gapsMs: [] };
  let freeMs = stretches[0]?.atMs ?? 0;
  for (const [i, { atMs, durationMs }] of stretches.entries()) {
    const before = stretches[i - 1];
    if (before) out.gapsMs.push(atMs - before.atMs);
    const silenceMs = Math.max(0, atMs - freeMs);
    out.underrunMs += silenceMs;
    out.longestMs = Math.max(out.longestMs, silenceMs);
    out.audioMs += durationMs;
    freeMs = Math.max(freeMs, atMs) + durationMs;
  }
  return out;
}
