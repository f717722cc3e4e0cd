import { ADDRESSES } from './addresses';
import { AMOUNTS } from './amounts';
import { codeWords } from './code-words';
import { withoutFences, withoutMarkup } from './markup';
import { NUMBERS } from './numbers';
import { applied, type Rule } from './rule';
import { SHORT_WORDS } from './short-words';
import { TIMES_AND_DATES } from './times-and-dates';

/** Signs that are left when everything that gives them a meaning of its own has been read. */
const SIGNS: readonly Rule[] = (
  [
    [/(?<=\w)\s*&\s*(?=\w)/g, ' and '],
    [/(?<=\b[A-G])(?:#|♯)/g, ' sharp'],
    [/(?<=\S) -{1,3} (?=\S)|(?<=\w)--(?=\w)/g, ' — '],
    [/\s=\s|(?<=\w)=(?=\w)/g, ' equals '],
    [/(?<=\p{L}\p{L})\s?<-{0,2}>\s?(?=\p{L})/gu, ' to and from '],
    [/\s?(?:-{1,2}>|=>|→|⇒|➜)\s?/g, ' to '],
    [/\s?(?:←|↔|⇔)\s?/g, ' '],
    [/√\s?(?=[\p{L}\p{N}(])/gu, ' the square root of '],
    [/∞/g, ' infinity '],
    [/∑\s?/g, ' the sum of '],
    [/∈/g, ' in '],
    [/°/g, ' degrees '],
    [/§§?\s?/g, ' section '],
    [/±/g, ' plus or minus '],
    [/×/g, ' times '],
    [/÷/g, ' divided by '],
    [/©/g, ' copyright '],
    [/[™®•¶†‡]/g, ' '],
    [/%/g, ' percent '],
    [/\$(?=\w)|(?<=\w)\$/g, ' dollar '],
    [/[€£¥₹₩₿]/g, ' '],
    [/#(?=\p{L})/gu, ' hashtag '],
    [/@ ?(?=\w)/g, ' at '],
    [/[\\^_~|<>{}#$*=`]/g, ' '],
    [/(?<=\p{L}{2}) ?\+ ?(?=\p{L})/gu, ' plus '],
    [/(?<=[Cc])\+\+/g, ' plus plus'],
    [/(?<=\w)\/(?=\w)/g, ' slash '],
    [/[+/](?!\w)/g, ' '],
  ] as const
).map(([pattern, words]) => ({ pattern, say: () => words }));

const GREEK_LETTERS = (
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon phi ' +
  'chi psi omega'
).split(' ');
/** A letter that stands alone is a sign of mathematics. */
const GREEK: Rule = {
  pattern: /(?<![\p{L}])[α-ω](?!\p{L})|(?<!\p{L})[ΓΔΘΛΞΠΣΦΨΩ](?!\p{L})/gu,
  say: (letter) => ` ${GREEK_LETTERS[letter!.toLowerCase().charCodeAt(0) - 0x3b1]} `,
};

/** Pictures, what joins and colours them, and what cannot be seen. */
const UNSEEN =
  /\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\p{Variation_Selector}|\u{20E3}|\p{Cf}|\p{Cs}|\p{Co}|\p{Cn}|(?![\n\t])\p{Cc}/gu;

/**
 * Text as it is said: numbers, dates, money, addresses, code and signs are English words, marks of the sentence stay.
 * No digit is left. Any text is accepted; what cannot be said is left out. `isCode`: all of it is source code.
 */
export function speakable(text: string, isCode = false): string {
  const plain = text
    .normalize('NFC')
    .replace(/\p{Nd}/gu, westernDigit)
    .replace(/[\u00A0\u2000-\u200A\u202F\u3000]/g, ' ')
    .replace(/[’ʼ]/g, "'")
    .replace(/[‒‑‐]/g, '-')
    .replace(/―/g, '—')
    .replace(/(?<=[#*\d])\u{FE0F}?\u{20E3}/gu, '')
    .replace(/©|®|™|↔/g, ' $& ')
    .replace(UNSEEN, (sign) => (KEPT.has(sign) ? sign : ' '));
  const words = isCode ? codeWords(withoutFences(plain)) : prose(plain);
  return tidy(words);
}

/** Signs that Unicode counts among the pictures. */
const KEPT = new Set(['©', '®', '™', '↔', '→', '#', '*']);

function prose(text: string): string {
  const lines = withoutMarkup(text).replace(/[ \t]*\n\s*/g, '\n');
  return applied(lines.replace(/\n/g, ' ').trim(), [
    ...ADDRESSES,
    ...SHORT_WORDS,
    ...TIMES_AND_DATES,
    ...AMOUNTS,
    ...NUMBERS,
    ...SIGNS,
    GREEK,
  ]);
}

/** Digits of other scripts are digits. */
function westernDigit(digit: string): string {
  if (digit <= '9') return digit;
  const code = digit.codePointAt(0)!;
  let zero = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && code - zero < 9) zero -= 1;
  return String(code - zero);
}

function tidy(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/ +([,.;:!?])/g, '$1')
    .replace(/\( +/g, '(')
    .replace(/ +\)/g, ')')
    .replace(/\(\s*\)/g, '')
    .trim();
}
