/** One thing that is written otherwise than it is said. */
export interface Rule {
  /** Global. */
  pattern: RegExp;
  /** The words for what was found (the whole, then its groups), or null to leave it. */
  say: (...found: (string | undefined)[]) => string | null;
}

/** Applies rules one after another; what one has made words of is words for the next. */
export function applied(text: string, rules: readonly Rule[]): string {
  return rules.reduce(
    (before, { pattern, say }) => before.replace(pattern, (...found) => say(...found) ?? found[0]),
    text,
  );
}
