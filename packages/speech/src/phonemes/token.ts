/** A piece of text with what is known of it. */
export interface Token {
  text: string;
  /** Part of speech, in the names of the Penn Treebank. */
  tag: string;
  /** A space follows. */
  spaced: boolean;
  /** Null until it was read. */
  phonemes: string | null;
  /** Its phonemes are set apart from those before, though the text has no space there. */
  apart: boolean;
}

/** Several tokens as one word; its tag is that of the one with most letters, capitals counting twice. */
export function merged(tokens: readonly Token[]): Token {
  const last = tokens.at(-1)!;
  let text = '';
  let phonemes = '';
  let [tag, most] = ['', -1];
  for (const token of tokens) {
    text += token.text + (token.spaced && token !== last ? ' ' : '');
    if (token.apart && phonemes && !phonemes.endsWith(' ') && token.phonemes) phonemes += ' ';
    phonemes += token.phonemes ?? '';
    const weight = [...token.text].reduce((sum, c) => sum + (c === c.toLowerCase() ? 1 : 2), 0);
    if (weight > most) [tag, most] = [token.tag, weight];
  }
  return { text, tag, spaced: last.spaced, phonemes, apart: tokens[0]!.apart };
}
