const ONES =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = '- - twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const ORDINALS: Record<string, string> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
};
const SAME: [RegExp, string][] = [
  [/\bmr\b\.?/g, 'mister'],
  [/\bmrs\b\.?/g, 'missus'],
  [/\bdr\b\.?/g, 'doctor'],
  [/\bprof\b\./g, 'professor'],
  [/\ba\.m\.?/g, 'am'],
  [/\bp\.m\.?/g, 'pm'],
  [/\bok\b/g, 'okay'],
  [/&/g, ' and '],
  [/\bkg\b/g, 'kilograms'],
  [/\bkilos?\b/g, 'kilograms'],
  [/\bms\b/g, 'milliseconds'],
  [/\bback up\b/g, 'backup'],
];
const MONTHS = 'january|february|march|april|may|june|july|august|september|october|november|december';
/** British and American spellings of what the sentences hold. */
const SPELLINGS: Record<string, string> = { harbour: 'harbor', metres: 'meters', metre: 'meter' };
const NUMBER_WORDS = new Set([
  ...ONES,
  ...TENS,
  'hundred',
  'thousand',
  'million',
  'dollars',
  'dollar',
  'point',
]);

/**
 * The words that a text stands for, for counting word errors: lower case, no punctuation, numbers, dates, money and times
 * as words, both spellings as one.
 */
export function normalWords(text: string): string[] {
  let plain = text.toLowerCase().replace(/[’‘]/g, "'");
  for (const [pattern, words] of SAME) plain = plain.replace(pattern, words);
  plain = plain
    .replace(/\$(\d[\d,]*)(?:\.(\d\d))?/g, (_, whole: string, cents?: string) => {
      return ` ${cardinal(digits(whole))} dollars ${cents === undefined ? '' : `${cardinal(Number(cents))} cents`} `;
    })
    .replace(/(\d)%/g, '$1 percent')
    // Some write times with a point, or without one.
    .replace(/\b(at|before) (\d{1,2})(\d\d)\b/g, '$1 $2:$3')
    .replace(/\b(at|before|the) (\d{1,2})\.(\d\d)\b/g, '$1 $2:$3')
    .replace(new RegExp(`\\b(${MONTHS}) (\\d{1,2})\\b(?!:)`, 'g'), '$1 $2th')
    .replace(/\b(\d{1,2}):(\d\d)\b/g, (_, hours: string, minutes: string) => {
      const rest = minutes === '00' ? '' : minutes.startsWith('0') ? `oh ${minutes[1]}` : minutes;
      return ` ${hours} ${rest} `;
    })
    .replace(/\b(\d[\d,]*)(?:st|nd|rd|th)\b/g, (_, number: string) => ` ${ordinal(digits(number))} `)
    .replace(/\b(\d[\d,]*)\.(\d+)\b/g, (_, whole: string, rest: string) => {
      return ` ${cardinal(digits(whole))} point ${[...rest].map((digit) => ONES[Number(digit)]).join(' ')} `;
    })
    .replace(/\b(1[1-9]\d\d|20[1-9]\d)\b/g, (_, year: string) => ` ${yearWords(Number(year))} `)
    .replace(/\d[\d,]*/g, (number) => ` ${cardinal(digits(number))} `)
    .replace(/'/g, '')
    .replace(/[^a-z]+/g, ' ');
  const words = plain
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => SPELLINGS[word] ?? word);
  // "two hundred and five" is "two hundred five", "four dollars and fifty cents" likewise, "a hundred" is "one hundred".
  return words
    .filter(
      (word, at) =>
        word !== 'and' || !(NUMBER_WORDS.has(words[at - 1] ?? '') && NUMBER_WORDS.has(words[at + 1] ?? '')),
    )
    .map((word, at, all) => (word === 'a' && /^(hundred|thousand)$/.test(all[at + 1] ?? '') ? 'one' : word));
}

const digits = (text: string): number => Number(text.replaceAll(',', ''));

/** Below 10^9. */
function cardinal(number: number): string {
  if (number < 20) return ONES[number] ?? '';
  if (number < 100) return `${TENS[Math.floor(number / 10)]}${number % 10 ? ` ${ONES[number % 10]}` : ''}`;
  for (const [size, name] of [
    [1e6, 'million'],
    [1000, 'thousand'],
    [100, 'hundred'],
  ] as const) {
    if (number < size) continue;
    const rest = number % size;
    return `${cardinal(Math.floor(number / size))} ${name}${rest ? ` ${cardinal(rest)}` : ''}`;
  }
  return '';
}

function ordinal(number: number): string {
  const words = cardinal(number).split(' ');
  const last = words.pop() ?? '';
  return [...words, ORDINALS[last] ?? `${last.replace(/y$/, 'ie')}th`].join(' ');
}

function yearWords(year: number): string {
  const [century, rest] = [Math.floor(year / 100), year % 100];
  if (rest === 0) return `${cardinal(century)} hundred`;
  return `${cardinal(century)} ${rest < 10 ? `oh ${ONES[rest]}` : cardinal(rest)}`;
}
