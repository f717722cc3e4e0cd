const ONES = (
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen ' +
  'seventeen eighteen nineteen'
).split(' ');
const TENS = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
const SCALES = ['', 'thousand', 'million', 'billion', 'trillion', 'quadrillion'];
const IRREGULAR: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
};
/** Longer ones are said digit by digit. */
const MAX_DIGITS = 18;

/** `1234` as `one thousand two hundred thirty four`; digits only. */
export function cardinal(digits: string): string {
  const plain = digits.replace(/^0+(?=\d)/, '');
  if (plain.length > MAX_DIGITS) return eachDigit(digits);
  if (plain === '0') return 'zero';
  const words: string[] = [];
  for (let end = plain.length, scale = 0; end > 0; end -= 3, scale++) {
    const group = Number(plain.slice(Math.max(0, end - 3), end));
    if (group > 0) words.unshift(below1000(group) + (scale > 0 ? ` ${SCALES[scale]}` : ''));
  }
  return words.join(' ');
}

function below1000(value: number): string {
  const words: string[] = [];
  if (value >= 100) words.push(ONES[Math.floor(value / 100)]!, 'hundred');
  const rest = value % 100;
  if (rest >= 20) {
    words.push(TENS[Math.floor(rest / 10)]!);
    if (rest % 10 > 0) words.push(ONES[rest % 10]!);
  } else if (rest > 0) words.push(ONES[rest]!);
  return words.join(' ');
}

/** `21` as `twenty first`. */
export function ordinal(digits: string): string {
  return cardinal(digits).replace(/\S+$/, (last) => {
    if (Object.hasOwn(IRREGULAR, last)) return IRREGULAR[last]!;
    return last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`;
  });
}

/** `2024` as `twenty twenty four`, `1905` as `nineteen oh five`, `2005` as `two thousand five`; four digits. */
export function year(digits: string): string {
  const [high, low] = [digits.slice(0, 2), digits.slice(2)];
  if (high.endsWith('0') && low.startsWith('0')) return cardinal(digits);
  if (low === '00') return `${cardinal(high)} hundred`;
  return `${cardinal(high)} ${low.startsWith('0') ? `oh ${cardinal(low)}` : cardinal(low)}`;
}

/** `1990` as `nineteen nineties`. */
export function decade(digits: string): string {
  return year(digits).replace(/\S+$/, (last) =>
    last.endsWith('y') ? `${last.slice(0, -1)}ies` : `${last}s`,
  );
}

/** `407` as `four zero seven`. */
export function eachDigit(digits: string): string {
  return [...digits]
    .filter((one) => /\d/.test(one))
    .map((one) => ONES[Number(one)])
    .join(' ');
}

/** A number as it is written in English (`-1,234.50`) in words; what begins with 0 is a code and said digit by digit. */
export function numberWords(text: string): string {
  const sign = /^[-−]/.test(text) ? 'minus ' : '';
  const [whole = '', fraction] = text
    .replace(/^[-−+]/, '')
    .replaceAll(',', '')
    .split('.');
  const isCode = /^0\d/.test(whole);
  const words = isCode ? eachDigit(whole) : whole === '' ? '' : cardinal(whole);
  const point = fraction === undefined ? '' : ` point ${eachDigit(fraction)}`;
  return `${sign}${words}${point}`.trim().replace(/^point/, 'zero point');
}

const ROMAN: Readonly<Record<string, number>> = { I: 1, V: 5, X: 10, L: 50, C: 100, D: 500, M: 1000 };

/** `XIV` as 14. */
export function romanValue(numeral: string): number {
  const values = [...numeral].map((one) => ROMAN[one] ?? 0);
  return values.reduce((sum, value, at) => sum + (value < (values[at + 1] ?? 0) ? -value : value), 0);
}
