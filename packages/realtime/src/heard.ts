/** Which stretch of a text which stretch of the audio says. */
export interface SpokenStretch {
  /** [start, end) of the text, UTF-16 units. */
  textStart: number;
  textEnd: number;
  /** Of the answer's audio. */
  startMs: number;
  endMs: number;
}

/**
 * The part of `text` that somebody has heard who has listened to the first `heardMs` of its audio. Inside a clause the
 * border lies where the time says and then at the end of a word that was begun before; what was not spoken yet has
 * not been heard.
 */
export function heardText(text: string, stretches: readonly SpokenStretch[], heardMs: number): string {
  let end = 0;
  for (const { textStart, textEnd, startMs, endMs } of stretches) {
    if (heardMs >= endMs) {
      end = Math.max(end, textEnd);
      continue;
    }
    if (heardMs > startMs) {
      const share = (heardMs - startMs) / (endMs - startMs);
      end = Math.max(end, wordEnd(text, textStart + Math.floor(share * (textEnd - textStart)), textStart));
    }
    break;
  }
  return text.slice(0, end).trimEnd();
}

/** The last end of a word at or before `at`, not before `from`: half a word is not heard as one. */
function wordEnd(text: string, at: number, from: number): number {
  const isSpace = (index: number) => index >= text.length || /\s/.test(text[index] as string);
  for (let end = at; end > from; end--) if (isSpace(end)) return end;
  return from;
}
