import { cardinal, decade, eachDigit, numberWords, ordinal, romanValue, year } from './number-words';
import type { Rule } from './rule';

const PARTS: Readonly<Record<string, string>> = {
  2: 'half',
  3: 'third',
  4: 'quarter',
  5: 'fifth',
  6: 'sixth',
  8: 'eighth',
  10: 'tenth',
};
const SIGNS: Readonly<Record<string, [number, number]>> = {
  '½': [1, 2],
  '⅓': [1, 3],
  '⅔': [2, 3],
  '¼': [1, 4],
  '¾': [3, 4],
  '⅕': [1, 5],
  '⅛': [1, 8],
  '⅜': [3, 8],
  '⅝': [5, 8],
  '⅞': [7, 8],
};
const FRACTION_SIGN = `[${Object.keys(SIGNS).join('')}]`;

/** Parts that people speak of; 9/11 is no fraction. */
const MORE_PARTS = new Set([7, 9, 12, 16, 20, 32, 64, 100]);
/** Said without a slash. */
const PAIRS = new Set(['24/7', '9/11', '50/50', '20/20', '80/20', '4/4']);

/** 3 and 4 as `three quarters`; null where it is no part of one. */
function fraction(above: number, below: number): string | null {
  if (above < 1 || above >= below) return null;
  const name = PARTS[below] ?? (MORE_PARTS.has(below) ? ordinal(String(below)) : null);
  if (name === null) return null;
  const many = below === 2 ? 'halves' : `${name}s`;
  return above === 1 ? `one ${name}` : `${cardinal(String(above))} ${many}`;
}

const NUMBER = '\\d+(?:,\\d{3})*(?:\\.\\d+)?';
const ROMAN = '(?=[IVXLC]+\\b)((?:C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))';
const COUNTED =
  'Chapter|chapter|Part|part|Act|Scene|Section|section|Volume|volume|Book|book|Phase|phase|Article|World War|Type|type|Level|Stage|Class|Super Bowl|Apollo|Episode|Round|Appendix|Title';
const RULERS =
  'Pope|King|Queen|Henry|Louis|Edward|George|William|Charles|James|Richard|Elizabeth|Napoleon|Pius|Benedict|Leo|John Paul|Ramses|Frederick|Philip|Alexander|Nicholas|Peter|Catherine|Ivan|Gustav|Christian|Ferdinand|Mary|Robert';
const OPERATIONS: Readonly<Record<string, string>> = {
  '+': 'plus',
  '-': 'minus',
  '−': 'minus',
  '*': 'times',
  '×': 'times',
  '·': 'times',
  '/': 'divided by',
  '÷': 'divided by',
  '=': 'equals',
  '<': 'is less than',
  '>': 'is greater than',
  '≤': 'is at most',
  '≥': 'is at least',
  '≈': 'is about',
  '≠': 'is not equal to',
  '^': 'to the power of',
};

const COMPARISONS: Readonly<Record<string, string>> = {
  '==': 'equals',
  '===': 'equals',
  '!=': 'is not equal to',
  '!==': 'is not equal to',
  '>=': 'is at least',
  '<=': 'is at most',
  '&&': 'and',
  '||': 'or',
};

/** Groups of digits of a telephone, with a pause between. */
const phone = (text: string) =>
  text
    .split(/[\s().-]+/)
    .filter((group) => /\d/.test(group))
    .map(eachDigit)
    .join(', ');

/** Everything else that has digits; after these none is left. */
export const NUMBERS: readonly Rule[] = [
  {
    pattern: /(?<![\w.-])(?:\+(\d{1,3})[\s.-]?)?(\(\d{3}\)\s?|\d{3}[\s.-])(\d{3}[\s.-]\d{4})(?![\w-])/g,
    say: (_all, country, area, rest) =>
      `${country ? `plus ${eachDigit(country)}, ` : ''}${phone(`${area} ${rest}`)}`,
  },
  {
    pattern: /(?<![\w.-])\+(\d{1,3}(?:[\s.-]?\d{2,5}){2,5})(?![\w-])/g,
    say: (_all, groups) => `plus ${phone(groups!)}`,
  },
  { pattern: /(?<![\w.-])(\d{3}-\d{4})(?![\w-])/g, say: (_all, groups) => phone(groups!) },
  {
    pattern: new RegExp(`\\b(${COUNTED}) ${ROMAN}\\b(?!['’.]\\w)`, 'g'),
    say: (_all, what, numeral) => `${what} ${cardinal(String(romanValue(numeral!)))}`,
  },
  {
    pattern: new RegExp(`\\b(${RULERS}) ${ROMAN}\\b(?!['’.]\\w)`, 'g'),
    say: (all, who, numeral) =>
      / I$/.test(all!) && /^(?:King|Queen|Pope)/.test(who!)
        ? null
        : `${who} the ${ordinal(String(romanValue(numeral!)))}`,
  },
  {
    pattern: /(?<![\w.])(?:No|Nos|no|nos)\. ?(?=\d)/g,
    say: (all) => (/s\./i.test(all!) ? 'numbers ' : 'number '),
  },
  {
    pattern: /(?<![\w.])(\d)['′]\s?(\d{1,2})["″]/g,
    say: (_all, feet, inches) => `${cardinal(feet!)} foot ${cardinal(inches!)}`,
  },
  { pattern: /(?<![\w&])#(?=\d)/g, say: () => 'number ' },
  {
    pattern: /(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)(?![A-Za-z])/g,
    say: (_all, digits) => ordinal(digits!.replaceAll(',', '')),
  },
  {
    pattern: new RegExp(`(?:(\\d+)\\s?)?(${FRACTION_SIGN})`, 'g'),
    say: (_all, whole, sign) => mixed(whole, fraction(...SIGNS[sign!]!)),
  },
  {
    pattern:
      /(?<![\w./])(\d+(?:\.\d+)?)\/(\d+)(?= (?:stars?|points?)\b)|(?<![\w./])(\d+\.\d+)\/(\d+)(?![\w/]|\.\d)/g,
    say: (_all, a, b, c, d) => `${numberWords((a ?? c)!)} out of ${cardinal((b ?? d)!)}`,
  },
  {
    pattern: /(?<![\w./])(?:(\d+) )?(\d{1,3})\/(\d{1,3})(?![\w/]|\.\d)/g,
    say: (all, whole, above, below) => {
      if (PAIRS.has(all!)) return `${cardinal(above!)} ${cardinal(below!)}`;
      const part = fraction(Number(above), Number(below));
      if (part !== null) return mixed(whole, part);
      const of = `${cardinal(above!)} slash ${cardinal(below!)}`;
      return whole ? `${cardinal(whole)} ${of}` : of;
    },
  },
  {
    pattern: /(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?\d{1,3})(?!\w)/g,
    say: (_all, number, power) =>
      `${numberWords(number!)} times ten to the power of ${numberWords(power!.replace('+', ''))}`,
  },
  { pattern: /(?<=[\p{L}\d)])²(?![⁰¹²³⁴-⁹])/gu, say: () => ' squared' },
  { pattern: /(?<=[\p{L}\d)])³(?![⁰¹²³⁴-⁹])/gu, say: () => ' cubed' },
  {
    pattern: /(?<=[\p{L}\d)])([⁻⁺]?)([⁰¹²³⁴-⁹]+)/gu,
    say: (_all, sign, digits) =>
      ` to the power of ${sign === '⁻' ? 'minus ' : ''}${cardinal(digits!.normalize('NFKC'))}`,
  },
  { pattern: /[₀-₉]+/g, say: (all) => ` ${cardinal(all!.normalize('NFKC'))} ` },
  {
    // Numbers of things: books, orders, serial numbers.
    pattern: /(?<![\w.-])(\d+(?:-\d+){2,})(?![\w-])/g,
    say: (_all, groups) => phone(groups!),
  },
  {
    pattern: new RegExp(`(?<![\\w.])(${NUMBER})\\s?[x×]\\s?(?=\\d)`, 'g'),
    say: (_all, number) => `${numberWords(number!)} by `,
  },
  {
    pattern: new RegExp(`(?<![\\w.])(${NUMBER})\\s?[x×](?!\\w)(?! ?[-+*/=^])`, 'g'),
    say: (_all, number) => `${numberWords(number!)} times`,
  },
  {
    pattern: /(?<![\w.:])(\d{1,3}):(\d{1,3})(?![\w:])/g,
    say: (_all, a, b) => `${cardinal(a!)} to ${cardinal(b!)}`,
  },
  {
    // A range, where the numbers rise and no sign of arithmetic is near.
    pattern: new RegExp(
      `(?<![\\w.+*/=-])(?<![=+*/] )(${NUMBER})\\s?[-–—]\\s?(${NUMBER})(?![\\w-]|\\.\\d| ?[=+*/])`,
      'g',
    ),
    say: (_all, from, to) => {
      const value = (text: string) => Number(text.replaceAll(',', ''));
      const rises = value(from!) < value(to!) || Math.max(value(from!), value(to!)) < 100;
      return rises ? `${plain(from!)} to ${plain(to!)}` : null;
    },
  },
  {
    pattern: /(?<=[\p{L}\p{N})\]"'] ?)(===?|!==?|>=|<=|&&|\|\|)(?= ?[\p{L}\p{N}("'-])/gu,
    say: (_all, sign) => ` ${COMPARISONS[sign!]} `,
  },
  { pattern: /(?:>=)\s?(?=\d)/g, say: () => 'at least ' },
  { pattern: /(?:<=)\s?(?=\d)/g, say: () => 'at most ' },
  {
    pattern:
      /(?<=[\p{L}\p{N})] ?)([+*×·÷=<>≤≥≈≠^−]|(?<=(?<!\p{L})[\p{L}\p{N})] |\d )[-/](?= (?:\d|\p{L}(?!\p{L})|\()))(?= ?[\p{L}\p{N}(-])(?<![\p{L}][*=<>^])(?!\*)/gu,
    say: (_all, sign) => ` ${OPERATIONS[sign!]} `,
  },
  { pattern: /(?<=\d)[-/](?=\d)/g, say: (all) => (all === '/' ? ' slash ' : ' ') },
  { pattern: /(?<![\w.])[~≈](?=\d)/g, say: () => 'about ' },
  { pattern: /(?<![\w.])≥\s?(?=\d)/g, say: () => 'at least ' },
  { pattern: /(?<![\w.])≤\s?(?=\d)/g, say: () => 'at most ' },
  { pattern: /(?<![\w.])>\s?(?=\d)/g, say: () => 'more than ' },
  { pattern: /(?<![\w.])<\s?(?=\d)/g, say: () => 'less than ' },
  { pattern: /(?<![\w.])\+(?=\d)/g, say: () => 'plus ' },
  { pattern: /(\d{2}0)s\b/g, say: (_all, digits) => decadeLike(digits!) },
  { pattern: /(?<=\d)\.x\b/g, say: () => ' point x' },
  { pattern: /(?<=\d)\+(?=[\s.,;:!?)]|$)/g, say: () => ' plus' },
  // Letters and digits of one name: GPT-4, mp3, B2B.
  { pattern: /(?<=\p{L})-?(?=\d)|(?<=\d)-?(?=\p{L})/gu, say: () => ' ' },
  { pattern: new RegExp(`(?<![\\w.])[-−]?(?:${NUMBER}|\\.\\d+)`, 'g'), say: (all) => plain(all!) },
  { pattern: /\d+/g, say: (all) => ` ${cardinal(all!)} ` },
];

const mixed = (whole: string | undefined, part: string | null) => {
  if (part === null) return null;
  return whole ? `${cardinal(whole)} and ${part.replace(/^one (half|quarter)$/, 'a $1')}` : part;
};

const decadeLike = (digits: string) => (digits.length === 4 ? decade(digits) : `${cardinal(digits)}s`);

/** A number in words; four digits that may be a year are said as one. */
function plain(text: string): string {
  return /^(?:1[1-9]\d\d|20\d\d)$/.test(text) ? year(text) : numberWords(text);
}
