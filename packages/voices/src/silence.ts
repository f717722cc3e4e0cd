/** Quieter is silence: -46 dB of full scale. */
const THRESHOLD = 0.005;
/** Silence that is left before the first sound, in seconds: sounds begin softly. */
const LEAD_S = 0.03;
/** The same after the last sound, before the pause that the text asks for. */
const TAIL_S = 0.06;

/** Pause after a clause by the mark that it ends with, in seconds at speed 1. */
export function pauseAfter(text: string): number {
  if (/\n\s*\n\s*$/.test(text)) return 0.6;
  const end = text.trimEnd();
  if (/[.!?。！？…]["'”’)\]*_`]*$/.test(end)) return 0.36;
  if (/[:;—–-]["'”’)\]*_`]*$/.test(end)) return 0.24;
  if (/,["'”’)\]*_`]*$/.test(end)) return 0.16;
  return /\n\s*$/.test(text) ? 0.36 : 0.04;
}

/**
 * Makes clauses join like speech: what a voice leaves silent before and after is cut, and the pause that the text asks
 * for stands there instead. Both cuts are in silence and faded, so nothing clicks.
 */
export class SilenceTrim {
  private heard = false;
  /** Silence that is over if more sound comes. */
  private held: Float32Array[] = [];
  private readonly lead: number;
  private readonly tail: number;

  constructor(
    private readonly sampleRate: number,
    private readonly pauseS: number,
  ) {
    this.lead = Math.round(LEAD_S * sampleRate);
    this.tail = Math.round(TAIL_S * sampleRate);
  }

  /** What can be said of the clause so far. */
  push(samples: Float32Array): Float32Array {
    const last = samples.findLastIndex(isSound);
    if (last < 0) {
      this.held.push(samples);
      return new Float32Array();
    }
    const before = joined(this.held);
    const sound = samples.subarray(0, last + 1);
    this.held = [samples.subarray(last + 1)];
    if (this.heard) return joined([before, sound]);
    this.heard = true;
    const all = joined([before, sound]);
    const first = all.findIndex(isSound);
    const from = Math.max(0, first - this.lead);
    const out = all.slice(from);
    for (let at = 0; at < Math.min(first - from, out.length); at++) out[at]! *= at / (first - from);
    return out;
  }

  /** The clause's end. A clause without a sound has no pause either. */
  end(): Float32Array {
    if (!this.heard) return new Float32Array();
    const rest = joined(this.held);
    const tail = Math.min(this.tail, rest.length);
    const pause = Math.round(this.pauseS * this.sampleRate);
    const out = new Float32Array(Math.max(tail, pause));
    for (let at = 0; at < tail; at++) out[at] = rest[at]! * (1 - at / tail);
    return out;
  }
}

const isSound = (sample: number) => Math.abs(sample) > THRESHOLD;

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
