import type { TalkerPrompt } from '@zen/speech';
import { OmniPrompt, type OmniRows } from './omni-prompt';

const IDS = { imStart: 90, user: 93, assistant: 94, audio: 100, image: 101, video: 102 };
/** A system's turn, a user's with sound and a picture of two by two, an answer, a user's with video, an answer's beginning. */
const TOKENS = [
  90, 92, 95, 7, 91, 90, 93, 95, 100, 101, 101, 101, 101, 5, 91, 90, 94, 95, 12, 13, 91, 90, 93, 102, 102, 6,
  91, 90, 94, 95,
];
const ROPE = TOKENS.map((_, at) => {
  if (at >= 9 && at < 13) return [9, 9 + ((at - 9) >> 1), 9 + ((at - 9) & 1)];
  const text = at < 9 ? at : at - 2;
  return at === 23 || at === 24 ? [text, 21, 21] : [text, text, text];
});
const HIDDEN = [8, 9, 10, 11, 12, 23, 24];

function pieceOf(from: number, to: number): TalkerPrompt {
  const at = HIDDEN.filter((place) => place >= from && place < to);
  return {
    tokenIds: Uint32Array.from(TOKENS.slice(from, to)),
    hiddenRows: Float32Array.from(at.flatMap((place) => [place, -place])),
    hiddenPositions: Uint32Array.from(at.map((place) => place - from)),
    ropePositions: Uint32Array.from(ROPE.slice(from, to).flat()),
    more: to < TOKENS.length,
  };
}

function added(size: number): { rows: number[][]; begin: number[] } {
  const prompt = new OmniPrompt(IDS, 2, 104);
  const rows: number[][] = [];
  for (let from = 0; from < TOKENS.length; from += size) {
    rows.push(...rowsOf(prompt.add(pieceOf(from, Math.min(TOKENS.length, from + size)))));
  }
  expect(prompt.length).toBe(rows.length);
  return { rows, begin: [...prompt.begin()] };
}

/** Each row: its id or hidden numbers, and its place. */
const rowsOf = ({ tokens, hidden, hiddenAt, positions }: OmniRows) =>
  [...tokens].map((id, at) => {
    const row = hiddenAt.indexOf(at);
    const what = row < 0 ? [id] : [...hidden.subarray(2 * row, 2 * row + 2)];
    return [...what, ...(positions?.subarray(3 * at, 3 * at + 3) ?? [])];
  });

test("only what users say is left, sound and pictures as rows, and a turn's places follow those of the last one", () => {
  const text = (id: number, at: number) => [id, at, at, at];
  expect(added(TOKENS.length)).toEqual({
    rows: [
      ...[90, 93, 95].map(text),
      [8, -8, 3, 3, 3],
      [9, -9, 4, 4, 4],
      [10, -10, 4, 4, 5],
      [11, -11, 4, 5, 4],
      [12, -12, 4, 5, 5],
      ...[5, 91, 90, 93].map((id, i) => text(id, 6 + i)),
      [23, -23, 10, 10, 10],
      [24, -24, 11, 10, 10],
      ...[6, 91].map((id, i) => text(id, 12 + i)),
    ],
    begin: [90, 94, 95],
  });
});

test.each([1, 2, 3, 4, 5, 7, 11, 16, 29])('in pieces of %i it is the same', (size) => {
  expect(added(size)).toEqual(added(TOKENS.length));
});

test.each<[Partial<TalkerPrompt>, string]>([
  [{ hiddenRows: new Float32Array(13) }, 'prompt.hidden_rows: must be rows of 2 numbers'],
  [{ ropePositions: null }, 'prompt.rope_positions: must be there, 101 at 9 stands for a picture or video'],
  [
    { hiddenRows: new Float32Array(2), hiddenPositions: Uint32Array.of(8) },
    'prompt.hidden_positions: must have 9, where 101 stands for sound, a picture or video',
  ],
  [
    { hiddenRows: new Float32Array(2), hiddenPositions: Uint32Array.of(3) },
    'prompt.hidden_positions: 3 holds 7, which is text',
  ],
  [{ tokenIds: Uint32Array.of(104) }, 'prompt.token_ids: 104 must be below 104'],
  [
    { ropePositions: Uint32Array.from(ROPE.flat(), (v, i) => (i === 30 ? 0 : v)) },
    'prompt.rope_positions: must be from',
  ],
])('%o is refused by name', (change, message) => {
  const piece = { ...pieceOf(0, TOKENS.length), ...change };
  expect(() => new OmniPrompt(IDS, 2, 104).add(piece)).toThrow(message);
});

test('a prompt without the beginning of an answer is refused', () => {
  const prompt = new OmniPrompt(IDS, 2, 104);
  prompt.add(pieceOf(0, TOKENS.length - 1));
  // The answer before it began whole, the last one did not.
  expect(() => prompt.begin()).toThrow('prompt.token_ids: must hold the beginning of an answer');
});
