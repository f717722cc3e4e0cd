import { stemOfEd, stemOfIng, stemOfS, withEd, withIng, withS } from './endings';
import { isLetters, PRIMARY, SECONDARY } from './letters';
import { type Following, type Lexicon, wordClass } from './lexicon';
import type { Token } from './token';

const SIGN_WORDS: Readonly<Record<string, string>> = { '%': 'percent', '&': 'and', '+': 'plus', '@': 'at' };
/** Stress that capitals add: some, all. */
const CAPITAL_STRESS = 0.5;
const ALL_CAPITALS_STRESS = 2;

/** Words as a speaker of American English says them in their place, from a lexicon; null where it has no answer. */
export class WordReader {
  constructor(private readonly lexicon: Lexicon) {}

  read(token: Token, following: Following): string | null {
    const word = token.text.replace(/[‘’]/g, "'").normalize('NFKC');
    let stress: number | null = null;
    if (word !== word.toLowerCase()) {
      stress = word === word.toUpperCase() ? ALL_CAPITALS_STRESS : CAPITAL_STRESS;
    }
    return this.small(word, token.tag, stress, following) ?? this.whole(word, token.tag, stress, following);
  }

  /** Words whose sound depends on what stands around them. */
  private small(word: string, tag: string, stress: number | null, following: Following): string | null {
    const { lexicon } = this;
    const sign = Object.hasOwn(SIGN_WORDS, word) ? SIGN_WORDS[word] : undefined;
    if (sign) return lexicon.read(sign, null, null, following);
    if (isDotted(word)) return lexicon.spelled(word);
    switch (word.toLowerCase()) {
      case 'a':
        return tag === 'DT' ? 'ɐ' : 'ˈA';
      case 'am':
        if (word === 'aM') return null;
        if (tag.startsWith('NN')) return lexicon.spelled(word);
        return following.vowel === null || word !== 'am' || (stress ?? 0) > 0 ? lexicon.plain('am') : 'ɐm';
      case 'an':
        if (word === 'aN') return null;
        return word === 'AN' && tag.startsWith('NN') ? lexicon.spelled(word) : 'ɐn';
      case 'i':
        return word === 'I' && tag === 'PRP' ? `${SECONDARY}I` : null;
      case 'by':
        return word !== 'bY' && wordClass(tag) === 'ADV' ? 'bˈI' : null;
      case 'to':
        if (word === 'tO' || (word === 'TO' && tag !== 'TO' && tag !== 'IN')) return null;
        if (following.vowel === null) return lexicon.plain('to');
        return following.vowel ? 'tʊ' : 'tə';
      case 'in':
        if (word === 'iN' || (word === 'IN' && tag === 'NNP')) return null;
        return following.vowel === null || tag !== 'IN' ? `${PRIMARY}ɪn` : 'ɪn';
      case 'the':
        if (word !== 'the' && word !== 'The' && !(word === 'THE' && tag === 'DT')) return null;
        return following.vowel === true ? 'ði' : 'ðə';
      case 'vs':
      case 'vs.':
        return tag === 'IN' ? lexicon.read('versus', null, null, following) : null;
      case 'used':
        if (word !== 'used' && word !== 'Used' && word !== 'USED') return null;
        return lexicon.plain('used', (tag === 'VBD' || tag === 'JJ') && following.to ? 'VBD' : 'DEFAULT');
      default:
        return null;
    }
  }

  private whole(text: string, tag: string, stress: number | null, following: Following): string | null {
    const { lexicon } = this;
    const knows = (word: string) => lexicon.knows(word);
    const read = (word: string, level = stress) => lexicon.read(word, tag, level, following);
    const word = this.readsAsLower(text, tag) ? text.toLowerCase() : text;
    if (knows(word)) return read(word);
    if (word.endsWith("s'") && knows(`${word.slice(0, -2)}'s`)) return read(`${word.slice(0, -2)}'s`);
    if (word.endsWith("'") && knows(word.slice(0, -1))) return read(word.slice(0, -1));
    const s = apply(stemOfS(word, knows), read, withS);
    if (s !== null) return s;
    const ed = apply(stemOfEd(word, knows), read, withEd);
    if (ed !== null) return ed;
    return apply(stemOfIng(word, knows), (stem) => read(stem, stress ?? 0.5), withIng);
  }

  /** Whether a word with capitals and no entry is a known word all the same: at a beginning, or shouted. */
  private readsAsLower(word: string, tag: string): boolean {
    const { lexicon } = this;
    if (word.length < 2 || word === word.toLowerCase() || !isLetters(word.replaceAll("'", ''))) return false;
    if ((tag === 'NNP' && word.length <= 7) || lexicon.has(word)) return false;
    if (word !== word.toUpperCase() && word.slice(1) !== word.slice(1).toLowerCase()) return false;
    const lower = word.toLowerCase();
    const knows = (each: string) => lexicon.knows(each);
    const stems = [stemOfS, stemOfEd, stemOfIng];
    return lexicon.has(lower) || stems.some((stem) => stem(lower, knows) !== null);
  }
}

/** Initials: `A.M`, `U.S.`, at most two letters between dots. */
function isDotted(word: string): boolean {
  if (!/[^.]\.+[^.]/.test(word) || !isLetters(word.replaceAll('.', ''))) return false;
  return word.split('.').every((part) => part.length < 3);
}

function apply(
  stem: string | null,
  read: (stem: string) => string | null,
  ending: (phonemes: string) => string,
): string | null {
  const phonemes = stem === null ? null : read(stem);
  return phonemes ? ending(phonemes) : null;
}
