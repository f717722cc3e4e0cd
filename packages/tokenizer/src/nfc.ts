/** Marks in a row that are still left to the engine's own normalization. */
const LONG_RUN = 256;

/**
 * Unicode's NFC. JavaScript engines sort a run of combining marks by insertion, which is quadratic (seconds
 * for 200,000 marks); a long run is therefore put in canonical order first, so that nothing is left to sort.
 */
export function nfc(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const end = markRunEnd(text, at);
    if (end - at > LONG_RUN) {
      parts.push(text.slice(from, at), canonicalOrder(text.slice(at, end)));
      from = end;
    }
    at = end > at ? end : at + 1;
  }
  return (parts.length === 0 ? text : parts.join('') + text.slice(from)).normalize('NFC');
}

const MARK = /^\p{M}$/u;

function markRunEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) >= 0x300) {
    const char = String.fromCodePoint(text.codePointAt(at)!);
    if (!MARK.test(char)) break;
    at += char.length;
  }
  return at;
}

/** Decomposes a run of marks and sorts each stretch of movable ones by combining class, stably. */
function canonicalOrder(run: string): string {
  const classes = new CombiningClasses();
  const sorted: string[] = [];
  let stretch: string[] = [];
  const flush = () => {
    // sort() is stable, as the canonical order must be.
    stretch.sort((a, b) => (classes.before(a, b) ? -1 : classes.before(b, a) ? 1 : 0));
    for (const mark of stretch) sorted.push(mark);
    stretch = [];
  };
  for (const char of run) {
    for (const mark of char.normalize('NFD')) {
      if (classes.movable(mark)) {
        stretch.push(mark);
      } else {
        flush();
        sorted.push(mark);
      }
    }
  }
  flush();
  return sorted.join('');
}

/** Compares combining classes, which JavaScript does not tell, by watching what normalization swaps. */
class CombiningClasses {
  private readonly known = new Map<string, boolean>();

  /** True if `a` belongs before `b`: its class is lower and both can move. */
  before(a: string, b: string): boolean {
    const pair = b + a;
    let swapped = this.known.get(pair);
    if (swapped === undefined) {
      swapped = pair.normalize('NFD') !== pair;
      this.known.set(pair, swapped);
    }
    return swapped;
  }

  /** U+0334 has the lowest class that moves, U+0345 the highest: one of them swaps with any movable mark. */
  movable(mark: string): boolean {
    return this.before('\u0334', mark) || this.before(mark, '\u0345');
  }
}
