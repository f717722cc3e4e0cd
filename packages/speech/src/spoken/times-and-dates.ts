import { cardinal, decade, numberWords, ordinal, year } from './number-words';
import type { Rule } from './rule';

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const SHORT = MONTHS.map((month) => month.slice(0, 3));
const MONTH = `(?:${[...MONTHS, 'Sept', ...SHORT].join('|')})`;
const END = '(?![\\w:])';

const monthName = (text: string) => MONTHS[SHORT.indexOf(text.slice(0, 3))]!;
const inRange = (text: string | undefined, low: number, high: number) =>
  Number(text) >= low && Number(text) <= high;

/** `03` and `05` of 2024 as `March fifth, twenty twenty four`; null where there is no such day. */
function date(month: string, day: string, of: string | undefined): string | null {
  if (!inRange(month, 1, 12) || !inRange(day, 1, 31)) return null;
  return `${MONTHS[Number(month) - 1]} ${ordinal(day)}${of ? `, ${year(of)}` : ''}`;
}

/** `14`, `05` as `fourteen oh five`. */
function time(
  hour: string,
  minute: string,
  second: string | undefined,
  half: string | undefined,
): string | null {
  if (!inRange(hour, 0, 24) || !inRange(minute, 0, 59) || (second && !inRange(second, 0, 59))) return null;
  const letters = half ? ` ${half.toUpperCase()}.M.` : '';
  let minutes = ` ${cardinal(minute)}`;
  if (minute === '00') minutes = half ? '' : Number(hour) > 12 || hour === '00' ? ' hundred' : " o'clock";
  else if (minute.startsWith('0')) minutes = ` oh ${cardinal(minute)}`;
  const seconds = second ? ` and ${cardinal(second)} second${Number(second) === 1 ? '' : 's'}` : '';
  return `${cardinal(hour)}${second && minute === '00' ? ' hundred' : minutes}${seconds}${letters}`;
}

/** Parts and pairs that only look like a day. */
const PAIRS = new Set(['1/16', '3/16', '5/16', '7/16', '9/16', '11/16', '1/20', '3/20']);

const fullYear = (digits: string) =>
  digits.length === 4 ? digits : `${Number(digits) > 40 ? 19 : 20}${digits}`;

const CLOCK = '\\d{1,2}(?::\\d{2})?';
const HALF = '\\s?[ap]\\.?m\\b\\.?';
const DAYS: Readonly<Record<string, string>> = {
  Mon: 'Monday',
  Tue: 'Tuesday',
  Tues: 'Tuesday',
  Wed: 'Wednesday',
  Thu: 'Thursday',
  Thurs: 'Thursday',
  Fri: 'Friday',
  Sat: 'Saturday',
  Sun: 'Sunday',
};
const DAY = Object.keys(DAYS).join('|');

/** Times of day, dates and decades. */
export const TIMES_AND_DATES: readonly Rule[] = [
  {
    // From one time to another.
    pattern: new RegExp(
      `(?<![\\w.:-])(${CLOCK}(?:${HALF})?)\\s?[-–]\\s?(?=${CLOCK}${HALF})|(?<![\\w.:-])(\\d{1,2}:\\d{2}(?:${HALF})?)\\s?[-–]\\s?(?=\\d{1,2}:\\d{2}(?!\\w))`,
      'gi',
    ),
    say: (_all, half, full) => {
      const from = half ?? full!;
      return `${/^\d+$/.test(from) ? cardinal(from) : from} to `;
    },
  },
  {
    pattern: new RegExp(`(?<=\\b${MONTH}\\.?(?: \\d{1,4})?)\\s?[-–]\\s?(?=${MONTH}\\b)`, 'g'),
    say: () => ' to ',
  },
  {
    pattern: new RegExp(`\\b(${DAY})\\.?\\s?[-–]\\s?(${DAY})\\b\\.?`, 'g'),
    say: (_all, from, to) => `${DAYS[from!]} to ${DAYS[to!]}`,
  },
  {
    pattern: new RegExp(`\\b(${DAY})(?:\\.,?|,) (?=${MONTH}|\\d)`, 'g'),
    say: (_all, day) => `${DAYS[day!]}, `,
  },
  {
    pattern:
      /(?<![\w.-])(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?(?![\w-])/g,
    say: (_all, y, m, d, hour, minute, _second, zone) => {
      const day = date(m!, d!, y);
      const clock = hour && time(hour, minute!, undefined, undefined);
      return day && `${day}${clock ? ` at ${clock}${zone === 'Z' ? ' UTC' : ''}` : ''}`;
    },
  },
  {
    pattern: /(?<![\w/.])(\d{1,2})\/(\d{1,2})\/(\d{4}|\d{2})(?![\w/])/g,
    say: (_all, a, b, y) => date(a!, b!, fullYear(y!)) ?? date(b!, a!, fullYear(y!)),
  },
  {
    pattern: /(?<![\w.:-])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([ap])\.?m\b(\.)?)?(?![\w:])/gi,
    say: (_all, hour, minute, second, half) => time(hour!, minute!, second, half),
  },
  {
    pattern: /(?<![\w.:-])(\d{1,2})\s?([ap])\.?m\b(\.)?/gi,
    say: (_all, hour, half) => (inRange(hour, 1, 12) ? time(hour!, '00', undefined, half) : null),
  },
  {
    pattern: new RegExp(
      `\\b(${MONTH})\\.? (\\d{1,2})(?:st|nd|rd|th)?\\s?[-–]\\s?(\\d{1,2})(?:st|nd|rd|th)?(?!\\w)(?:,? (\\d{4})${END})?`,
      'g',
    ),
    say: (_all, month, from, to, of) =>
      `${monthName(month!)} ${ordinal(from!)} to ${ordinal(to!)}${of ? `, ${year(of)}` : ''}`,
  },
  {
    pattern: new RegExp(
      `\\b(${MONTH})\\.? (\\d{1,2})(?:st|nd|rd|th)?${END}(?!%|\\.\\d)(,? (\\d{4})${END})?`,
      'g',
    ),
    say: (_all, month, day, _tail, of) => {
      if (!inRange(day, 1, 31)) return null;
      return `${monthName(month!)} ${ordinal(day!)}${of ? `, ${year(of)}` : ''}`;
    },
  },
  {
    pattern: new RegExp(
      `\\b(the )?(\\d{1,2})(?:st|nd|rd|th)? (?:of )?(${MONTH})(?![a-z])(\\.(?= ?\\d))?(?:,? (\\d{4})${END})?`,
      'g',
    ),
    say: (_all, _the, day, month, _dot, of) => {
      if (!inRange(day, 1, 31)) return null;
      return `the ${ordinal(day!)} of ${monthName(month!)}${of ? `, ${year(of)}` : ''}`;
    },
  },
  {
    pattern: new RegExp(`\\b(${MONTH})\\.? (\\d{4})${END}`, 'g'),
    say: (_all, month, of) => `${monthName(month!)} ${year(of!)}`,
  },
  {
    pattern: /(?<![\w/.])(\d{1,2})\/(1[3-9]|2\d|3[01])(?![\w/]|\.\d)/g,
    say: (all, month, day) => (PAIRS.has(all!) ? null : date(month!, day!, undefined)),
  },
  { pattern: /(?<![\w.])([12]\d{2}0)'?s\b/g, say: (_all, digits) => decade(digits!) },
  {
    pattern: /(?<![\w.])['’]([2-9]0)s\b/g,
    say: (_all, digits) => decade(`19${digits}`).replace(/^\S+ /, ''),
  },
  {
    pattern: /(?<![\w.'’])['’](\d{2})(?![\w'’"])/g,
    say: (_all, digits) => (digits!.startsWith('0') ? `oh ${cardinal(digits!)}` : cardinal(digits!)),
  },
  {
    pattern: /(?<![\w.])(1[1-9]\d\d|20\d\d)\s?[-–]\s?(1[1-9]\d\d|20\d\d|\d\d)(?![\w.-])/g,
    say: (_all, from, to) => {
      const end = to!.length === 4 ? to! : from!.slice(0, 2) + to!;
      if (Number(end) <= Number(from)) return null;
      return `${year(from!)} to ${to!.length === 4 ? year(end) : numberWords(to!)}`;
    },
  },
];
