import { numberWords } from './number-words';
import type { Rule } from './rule';

const NUMBER = '\\d+(?:,\\d{3})*(?:\\.\\d+)?';
const BIG: Readonly<Record<string, string>> = {
  k: 'thousand',
  m: 'million',
  b: 'billion',
  bn: 'billion',
  t: 'trillion',
};
const BIG_WORD = '(?:\\s?(hundred|thousand|million|billion|trillion)\\b|(k|K|M|m|bn|B|b|T)(?![\\w]))?';

interface Currency {
  one: string;
  many: string;
  /** Its hundredth; absent where there is none. */
  small?: readonly [string, string];
}

const DOLLAR: Currency = { one: 'dollar', many: 'dollars', small: ['cent', 'cents'] };
const EURO: Currency = { one: 'euro', many: 'euros', small: ['cent', 'cents'] };
const POUND: Currency = { one: 'pound', many: 'pounds', small: ['penny', 'pence'] };
const YEN: Currency = { one: 'yen', many: 'yen' };
const CURRENCIES: Readonly<Record<string, Currency>> = {
  $: DOLLAR,
  US$: { ...DOLLAR, one: 'U.S. dollar', many: 'U.S. dollars' },
  USD: { ...DOLLAR, one: 'U.S. dollar', many: 'U.S. dollars' },
  '€': EURO,
  EUR: EURO,
  '£': POUND,
  GBP: POUND,
  '¥': YEN,
  JPY: YEN,
  CHF: { one: 'Swiss franc', many: 'Swiss francs' },
  '₹': { one: 'rupee', many: 'rupees' },
  INR: { one: 'rupee', many: 'rupees' },
  '₩': { one: 'won', many: 'won' },
  '₽': { one: 'ruble', many: 'rubles' },
  '₿': { one: 'bitcoin', many: 'bitcoins' },
  BTC: { one: 'bitcoin', many: 'bitcoins' },
};
const SIGN = Object.keys(CURRENCIES)
  .sort((a, b) => b.length - a.length)
  .map((sign) => sign.replace('$', '\\$'))
  .join('|');

/** One and many of what is counted, by its sign. */
const UNITS: Readonly<Record<string, readonly [string, string]>> = {
  km: ['kilometer', 'kilometers'],
  m: ['meter', 'meters'],
  cm: ['centimeter', 'centimeters'],
  mm: ['millimeter', 'millimeters'],
  µm: ['micrometer', 'micrometers'],
  nm: ['nanometer', 'nanometers'],
  mi: ['mile', 'miles'],
  ft: ['foot', 'feet'],
  yd: ['yard', 'yards'],
  in: ['inch', 'inches'],
  kg: ['kilogram', 'kilograms'],
  g: ['gram', 'grams'],
  mg: ['milligram', 'milligrams'],
  µg: ['microgram', 'micrograms'],
  lb: ['pound', 'pounds'],
  lbs: ['pound', 'pounds'],
  oz: ['ounce', 'ounces'],
  l: ['liter', 'liters'],
  L: ['liter', 'liters'],
  tsp: ['teaspoon', 'teaspoons'],
  tbsp: ['tablespoon', 'tablespoons'],
  gal: ['gallon', 'gallons'],
  rpm: ['revolution per minute', 'revolutions per minute'],
  ml: ['milliliter', 'milliliters'],
  mL: ['milliliter', 'milliliters'],
  'km²': ['square kilometer', 'square kilometers'],
  'm²': ['square meter', 'square meters'],
  'm³': ['cubic meter', 'cubic meters'],
  'sq ft': ['square foot', 'square feet'],
  ha: ['hectare', 'hectares'],
  'km/h': ['kilometer per hour', 'kilometers per hour'],
  kph: ['kilometer per hour', 'kilometers per hour'],
  mph: ['mile per hour', 'miles per hour'],
  'm/s': ['meter per second', 'meters per second'],
  h: ['hour', 'hours'],
  hr: ['hour', 'hours'],
  hrs: ['hour', 'hours'],
  min: ['minute', 'minutes'],
  mins: ['minute', 'minutes'],
  s: ['second', 'seconds'],
  sec: ['second', 'seconds'],
  secs: ['second', 'seconds'],
  ms: ['millisecond', 'milliseconds'],
  µs: ['microsecond', 'microseconds'],
  ns: ['nanosecond', 'nanoseconds'],
  Hz: ['hertz', 'hertz'],
  kHz: ['kilohertz', 'kilohertz'],
  MHz: ['megahertz', 'megahertz'],
  GHz: ['gigahertz', 'gigahertz'],
  B: ['byte', 'bytes'],
  KB: ['kilobyte', 'kilobytes'],
  kB: ['kilobyte', 'kilobytes'],
  MB: ['megabyte', 'megabytes'],
  GB: ['gigabyte', 'gigabytes'],
  TB: ['terabyte', 'terabytes'],
  KiB: ['kibibyte', 'kibibytes'],
  MiB: ['mebibyte', 'mebibytes'],
  GiB: ['gibibyte', 'gibibytes'],
  Mbps: ['megabit per second', 'megabits per second'],
  Gbps: ['gigabit per second', 'gigabits per second'],
  'MB/s': ['megabyte per second', 'megabytes per second'],
  'GB/s': ['gigabyte per second', 'gigabytes per second'],
  fps: ['frame per second', 'frames per second'],
  px: ['pixel', 'pixels'],
  W: ['watt', 'watts'],
  kW: ['kilowatt', 'kilowatts'],
  MW: ['megawatt', 'megawatts'],
  GW: ['gigawatt', 'gigawatts'],
  kWh: ['kilowatt hour', 'kilowatt hours'],
  V: ['volt', 'volts'],
  mAh: ['milliamp hour', 'milliamp hours'],
  dB: ['decibel', 'decibels'],
  kcal: ['kilocalorie', 'kilocalories'],
};
/** Without a space before them they are told from letters of a name (`4K`, `16B`), with one only these are sure. */
const UNIT = Object.keys(UNITS)
  .sort((a, b) => b.length - a.length)
  .join('|');
const PER: Readonly<Record<string, string>> = {
  mo: 'month',
  yr: 'year',
  hr: 'hour',
  h: 'hour',
  s: 'second',
  d: 'day',
};

const isOne = (number: string) => /^[-−]?1$/.test(number);

function money(sign: string | undefined, number: string, big: string | undefined, minus = ''): string | null {
  const currency = CURRENCIES[sign!];
  if (!currency) return null;
  const before = minus ? 'minus ' : '';
  if (big) return `${before}${numberWords(number)} ${big} ${currency.many}`;
  const [notes = '', hundredths] = number.split('.');
  const whole = notes || '0';
  if (currency.small && hundredths?.length === 2) {
    const small = Number(hundredths);
    const coins = `${numberWords(String(small))} ${currency.small[small === 1 ? 0 : 1]}`;
    const bills = `${numberWords(whole)} ${isOne(whole) ? currency.one : currency.many}`;
    if (small === 0) return before + bills;
    return before + (/^0+$/.test(whole) ? coins : `${bills} and ${coins}`);
  }
  return `${before}${numberWords(number)} ${isOne(number) ? currency.one : currency.many}`;
}

const bigOf = (word: string | undefined, letter: string | undefined) =>
  word ?? (letter && BIG[letter.toLowerCase()]);

/** Money, units, degrees and percents. */
export const AMOUNTS: readonly Rule[] = [
  {
    pattern: new RegExp(
      `(?<![\\w.])([-−])?(${SIGN})\\s?(${NUMBER})\\s?[-–]\\s?(?:\\2)?(${NUMBER})${BIG_WORD}`,
      'g',
    ),
    say: (_all, _minus, sign, from, to, word, letter) =>
      `${numberWords(from!)} to ${money(sign, to!, bigOf(word, letter))}`,
  },
  {
    pattern: new RegExp(`(?<![\\w.])([-−])?(${SIGN})\\s?(${NUMBER}|\\.\\d+)${BIG_WORD}`, 'g'),
    say: (_all, minus, sign, number, word, letter) => money(sign, number!, bigOf(word, letter), minus),
  },
  {
    pattern: new RegExp(`(?<![\\w.])(${NUMBER})${BIG_WORD}\\s?(${SIGN})(?!\\w)`, 'g'),
    say: (_all, number, word, letter, sign) => money(sign, number!, bigOf(word, letter)),
  },
  {
    pattern: new RegExp(`(?<![\\w.])(${NUMBER})\\s?¢`, 'g'),
    say: (_all, number) => `${numberWords(number!)} ${isOne(number!) ? 'cent' : 'cents'}`,
  },
  {
    pattern: /(?<=\b(?:dollars?|euros?|pounds?|yen|cents?|pence))\s?\/\s?(mo|yr|hr|h|s|d|[a-z]{3,})\b/g,
    say: (_all, what) => ` per ${PER[what!] ?? what}`,
  },
  {
    pattern: new RegExp(`(?<![\\w.])([-−]?${NUMBER})\\s?(?:°\\s?([CFK])?|℃|℉)(?!\\w)`, 'g'),
    say: (all, number, scale) => {
      const of = all!.endsWith('℃') ? 'C' : all!.endsWith('℉') ? 'F' : scale;
      const name = of ? ` ${{ C: 'Celsius', F: 'Fahrenheit', K: 'Kelvin' }[of]}` : '';
      return `${numberWords(number!)} ${isOne(number!) ? 'degree' : 'degrees'}${name}`;
    },
  },
  {
    pattern: new RegExp(`(?<![\\w.])([-−]?${NUMBER})\\s?[-–]\\s?(${NUMBER})\\s?%`, 'g'),
    say: (_all, from, to) => `${numberWords(from!)} to ${numberWords(to!)} percent`,
  },
  {
    pattern: new RegExp(`(?<![\\w.])([-−+]?)(${NUMBER})\\s?%`, 'g'),
    say: (_all, sign, number) =>
      `${sign === '+' ? 'plus ' : sign ? 'minus ' : ''}${numberWords(number!)} percent`,
  },
  {
    pattern: new RegExp(
      `(?<![\\w.])([-−]?${NUMBER})\\s?(?:[-–]\\s?(${NUMBER})\\s?)?(${UNIT})(?![\\w²³/'’])(?!\\.\\w)`,
      'g',
    ),
    say: (all, from, to, unit) => {
      // "I have 5 in here" and "4 A" are no units.
      if (/\s(?:in|B|T|s|h|V|W)$/.test(all!) && !/\s(?:h|V|W|s)$/.test(all!)) return null;
      const [one, many] = UNITS[unit!]!;
      const range = to ? `${numberWords(from!)} to ${numberWords(to)}` : numberWords(from!);
      return `${range} ${!to && isOne(from!) ? one : many}`;
    },
  },
  {
    pattern: new RegExp(`(?<![\\w.])([-−]?${NUMBER})\\s?(million|billion|trillion|thousand|bn)\\b`, 'g'),
    say: (_all, number, word) => `${numberWords(number!)} ${word === 'bn' ? 'billion' : word}`,
  },
  {
    // 10K users, but 4K TV.
    pattern: new RegExp(`(?<![\\w.])(${NUMBER})([kKM]) (?=[a-z]{3,}s\\b)`, 'g'),
    say: (_all, number, big) => `${numberWords(number!)} ${BIG[big!.toLowerCase()]} `,
  },
  {
    // A five dollar bill.
    pattern:
      /(?<= (?:dollar|euro|pound))s(?= (?:bill|note|coin|fee|fine|salary|budget|discount|loan|prize|gift)\b)/g,
    say: () => '',
  },
];
