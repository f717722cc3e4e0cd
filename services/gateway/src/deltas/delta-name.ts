/** Asks for the base itself, so no alias may be called so. */
export const NO_DELTA = 'none';

export const NAME_RULE =
  'an alias (1 to 128 of a-z, 0-9, dot, dash, underscore and slash, the first a letter or digit) or sha256: and 64 lower-case hex digits';

/** What stands in an error: whatever a caller sent, short. */
export function shownName(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
