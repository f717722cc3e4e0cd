/** A dot after one of these does not end a sentence. */
const TITLES = new Set(
  (
    'Mr Mrs Ms Dr Prof St Mt Ft Gen Gov Sen Rep Capt Lt Col Sgt Cmdr Rev Hon Pres Supt Cpl Maj Adm Fr Msgr ' +
    'vs cf al e.g i.e a.k.a viz'
  ).split(' '),
);
/** Only where a number follows. */
const BEFORE_NUMBER = new Set(
  (
    'no nos p pp art sec eq fig vol ch approx est ca jan feb mar apr jun jul aug sep sept oct nov dec ' +
    'mon tue tues wed thu thurs fri sat sun'
  ).split(' '),
);

/**
 * Whether the dot at the end of `before` belongs to its last word (`Dr.`, `e.g.`, an initial) and the sentence goes on
 * with `next`, its next character.
 */
export function isAbbreviation(before: string, next: string): boolean {
  const word = /[^\s(["'“‘*_]*$/.exec(before.slice(-24, -1))?.[0] ?? '';
  if (TITLES.has(word) || /^(?:\p{L}\.)*(?:\p{Lu}|\.\p{L})$/u.test(word)) return true;
  if (/^(?:\p{L}\.)+\p{L}$/u.test(word)) return true;
  return BEFORE_NUMBER.has(word.toLowerCase()) && /\d/.test(next);
}
