/** Longer text than this is read out at a space, without waiting for the end of a sentence. */
const LONGEST = 240;

/**
 * Splits what a screen reader should say now, whole sentences or lines, from what must wait for more: a reader that
 * is told every token says none of them well.
 */
export function takeSentences(text: string): [ready: string, rest: string] {
  const ends = [...text.matchAll(/[.!?…:;][)"'”’\]]*\s|\n/g)];
  const last = ends.at(-1);
  const end = last ? last.index + last[0].length : 0;
  if (text.length - end <= LONGEST) return [text.slice(0, end), text.slice(end)];
  const space = text.lastIndexOf(' ', end + LONGEST);
  const at = space > end ? space + 1 : end + LONGEST;
  return [text.slice(0, at), text.slice(at)];
}
