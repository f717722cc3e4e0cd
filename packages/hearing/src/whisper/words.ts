import { promptOf } from './decode-window';
import { mean, type Spoken } from './segments';
import type { TranscriptPart } from './transcript';
import type { EncodedAudio, WhisperModel } from './whisper-model';
import { STAMP_SECONDS, type WhisperTokens } from './whisper-tokens';

/** Width of the median that smooths where a head looks, in positions. */
const MEDIAN = 7;
/** Languages written without spaces: each character is a word of its own. */
const UNSPACED = new Set(['zh', 'ja', 'th', 'lo', 'my', 'yue']);

/**
 * The words of a window and when they are said: where the heads that follow the audio look while they say each token,
 * as the one monotonic path through both that fits best.
 */
export async function findWords(
  model: WhisperModel,
  audio: EncodedAudio,
  { language, translate }: { language: string; translate: boolean },
  spoken: Spoken,
  endMs: number,
): Promise<TranscriptPart[]> {
  const { tokens, description } = model;
  const prompt = promptOf(model, { language, translate, stamps: false });
  const ids = [...prompt, ...spoken.ids, tokens.end];
  const { alignment } = await model.decode(audio, model.newCache(), ids, [0]);
  const heads = description.alignmentHeads.length;
  const positions = Math.min(audio.positions, Math.ceil(endMs / (1000 * STAMP_SECONDS)));
  const looks = averageLooks(alignment, heads, ids.length, audio.positions, positions);
  // The row that says a token is the one before it.
  const rows = looks.slice(prompt.length - 1, -1);
  const starts = monotonicStarts(rows);
  const at = (row: number) =>
    Math.min(endMs, Math.round(1000 * STAMP_SECONDS * (row < starts.length ? starts[row]! : positions)));
  let row = 0;
  return wordsOf(tokens, spoken.ids, language).map((word) => {
    const first = row;
    row += word.length;
    return {
      text: tokens.text(word),
      startMs: at(first),
      endMs: at(row),
      logProbability: mean(spoken.logProbabilities.slice(first, row)),
      noSpeechProbability: spoken.noSpeechProbability,
    };
  });
}

/** Per token a row of positions: normalized over the tokens, smoothed, mean over the heads. */
function averageLooks(
  alignment: Float32Array,
  heads: number,
  count: number,
  stride: number,
  positions: number,
): Float32Array[] {
  const rows = Array.from({ length: count }, () => new Float32Array(positions));
  const column = new Float32Array(count);
  for (let head = 0; head < heads; head++) {
    const looks = Array.from({ length: count }, () => new Float32Array(positions));
    for (let p = 0; p < positions; p++) {
      for (let i = 0; i < count; i++) column[i] = alignment[(head * count + i) * stride + p]!;
      const average = column.reduce((sum, value) => sum + value, 0) / count;
      const spread = Math.sqrt(column.reduce((sum, value) => sum + (value - average) ** 2, 0) / count);
      for (let i = 0; i < count; i++) looks[i]![p] = spread > 0 ? (column[i]! - average) / spread : 0;
    }
    for (let i = 0; i < count; i++) {
      const smooth = median(looks[i]!);
      for (let p = 0; p < positions; p++) rows[i]![p]! += smooth[p]! / heads;
    }
  }
  return rows;
}

function median(row: Float32Array): Float32Array {
  const half = MEDIAN >> 1;
  const around = new Float32Array(MEDIAN);
  return row.map((_, p) => {
    for (let d = -half; d <= half; d++) {
      // At the ends the row is mirrored.
      const q = Math.abs(p + d);
      around[d + half] = row[q < row.length ? q : Math.max(0, 2 * row.length - 2 - q)]!;
    }
    return around.sort()[half]!;
  });
}

/** Dynamic time warping: the first position of each row on the path with the largest sum. */
export function monotonicStarts(rows: readonly Float32Array[]): number[] {
  const width = rows[0]?.length ?? 0;
  const from: Uint8Array[] = [];
  let above = new Float64Array(width + 1).fill(Number.NEGATIVE_INFINITY);
  above[0] = 0;
  for (const row of rows) {
    const here = new Float64Array(width + 1).fill(Number.NEGATIVE_INFINITY);
    const step = new Uint8Array(width + 1);
    for (let p = 1; p <= width; p++) {
      const [diagonal, up, left] = [above[p - 1]!, above[p]!, here[p - 1]!];
      const best = Math.max(diagonal, up, left);
      step[p] = best === diagonal ? 0 : best === up ? 1 : 2;
      here[p] = best + row[p - 1]!;
    }
    from.push(step);
    above = here;
  }
  const starts = new Array<number>(rows.length).fill(0);
  for (let i = rows.length - 1, p = width; i >= 0 && p >= 1; ) {
    starts[i] = p - 1;
    const step = from[i]![p]!;
    if (step !== 2) i -= 1;
    if (step !== 1) p -= 1;
  }
  return starts;
}

/** Tokens by word: one begins with a space, or is what belongs to no word of its own; half characters stay together. */
export function wordsOf(tokens: WhisperTokens, ids: readonly number[], language: string): number[][] {
  const whole: number[][] = [];
  let open: number[] = [];
  for (const id of ids) {
    open.push(id);
    if (tokens.text(open).includes('\ufffd')) continue;
    whole.push(open);
    open = [];
  }
  if (open.length > 0) whole.push(open);
  if (UNSPACED.has(language)) return whole;
  const words: number[][] = [];
  for (const piece of whole) {
    const last = words.at(-1);
    if (last && !tokens.text(piece).startsWith(' ')) last.push(...piece);
    else words.push(piece);
  }
  return words;
}
