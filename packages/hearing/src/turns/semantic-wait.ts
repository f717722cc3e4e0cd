export type Eagerness = 'low' | 'medium' | 'high';

/** Silence in milliseconds that ends an utterance: one that sounds finished, may be, or is surely not. */
const WAITS: Record<Eagerness, { finished: number; unclear: number; unfinished: number }> = {
  high: { finished: 256, unclear: 600, unfinished: 2_000 },
  medium: { finished: 450, unclear: 1_200, unfinished: 4_000 },
  low: { finished: 800, unclear: 2_500, unfinished: 8_000 },
};

/** No English sentence ends with these: after them something is still to come. */
const UNFINISHED_WORDS = new Set(
  (
    'a about although an and as at because but by during for from her his how if in into its like my of on or our so ' +
    'since than that the their then these this those to until unless uh uhm um umm er erm hmm well when where whether ' +
    'which while who whose with without your i we they is are was were has have had will would could should can'
  ).split(' '),
);

/** Words after which a full question or statement may end all the same: "can I", "who", "yes we can". */
const MAY_END = new Set(
  'can could is are was were have had will would should that this like about in on who how then well'.split(
    ' ',
  ),
);

/**
 * How long a silence may be after what was said. Whisper puts a full stop after anything, so a last word that asks for
 * more counts for more than the stop; a question mark or an exclamation mark is trusted.
 */
export function semanticWaitMs(text: string, language: string, eagerness: Eagerness): number {
  const waits = WAITS[eagerness];
  const said = text.trim();
  if (said === '') return waits.unclear;
  if (/[?!？！]["'”’)]?$/.test(said)) return waits.finished;
  if (/(?:[,:;–—、，-]|\.\.\.|…)$/.test(said)) return waits.unfinished;
  const ends = /[.。]["'”’)]?$/.test(said);
  const last = /([\p{L}']+)[^\p{L}]*$/u.exec(said.toLowerCase())?.[1] ?? '';
  if (language === 'en' && UNFINISHED_WORDS.has(last)) {
    return ends && MAY_END.has(last) ? waits.unclear : waits.unfinished;
  }
  return ends ? waits.finished : waits.unclear;
}
