/** Which stretch of a text which stretch of its sound says. */
export interface Stretch {
  /** [start, end) of the text, UTF-16 units. */
  textStart: number;
  textEnd: number;
  startMs: number;
  endMs: number;
}

/** What is known of the sound of a text. */
export interface Sounding {
  text: string;
  /** Where the server says so. */
  stretches: readonly Stretch[];
  /** Of the sound that has come; all of it where `whole`. */
  soundMs: number;
  whole: boolean;
}

/** English, read out. */
const UNITS_PER_MS = 15 / 1000;

/**
 * UTF-16 units of the text that have been said when its sound has played for so long: up to the end of the word that
 * is being said. Without stretches it is estimated: text comes sooner than its sound, so the share of the sound that
 * is here says little before all of it is.
 */
export function spokenUnits({ text, stretches, soundMs, whole }: Sounding, playedMs: number): number {
  if (playedMs <= 0) return 0;
  if (stretches.length === 0) {
    if (whole && playedMs >= soundMs) return text.length;
    const rate = whole && soundMs > 0 ? text.length / soundMs : UNITS_PER_MS;
    return wordEnd(text, playedMs * rate);
  }
  let said = 0;
  for (const { textStart, textEnd, startMs, endMs } of stretches) {
    if (playedMs >= endMs) said = textEnd;
    else if (playedMs > startMs) {
      const share = (playedMs - startMs) / (endMs - startMs);
      return Math.min(textEnd, wordEnd(text, textStart + share * (textEnd - textStart)));
    }
  }
  return said;
}

function wordEnd(text: string, at: number): number {
  const found = text.slice(Math.floor(at)).search(/\s/);
  return found < 0 ? text.length : Math.floor(at) + found;
}
