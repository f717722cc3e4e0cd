import { TalkerPrompt } from '@zen/contracts';
import { PromptReader } from './prompt-reader';

const reader = () => new PromptReader({ name: 'omni', takesTokenIds: true }, { tokens: 5, rowBytes: 16 });
const piece = (change: object) => TalkerPrompt.fromPartial({ tokenIds: [1, 2], more: true, ...change });
const row = { hiddenRows: Buffer.alloc(12), hiddenPositions: [1] };

test('pieces are read until one says no more', () => {
  const prompts = reader();
  expect(prompts.waits).toBe(false);
  expect(prompts.read(piece({ ropePositions: [0, 1, 2, 3, 4, 5] }))).toMatchObject({
    ropePositions: Uint32Array.of(0, 1, 2, 3, 4, 5),
    more: true,
  });
  expect(prompts.waits).toBe(true);
  prompts.read(piece({ ropePositions: [6, 6, 6, 7, 7, 7], more: false }));
  expect(prompts.waits).toBe(false);
  expect(() => prompts.read(piece({}))).toThrow('prompt: the piece before it said that it was the last');
});

test.each<[object, string]>([
  [{ tokenIds: [1, 2, 3, 4] }, 'prompt.token_ids: 6 ids, limit 5'],
  [row, 'prompt.hidden_rows: 24 bytes, limit 16'],
  [{ ropePositions: [1] }, 'prompt.rope_positions: 1 for 2 ids, must be three for each'],
  [{ ropePositions: [1, 1, 1, 2, 2, 2] }, 'prompt.rope_positions: must be in every piece or in none'],
])('after another piece %o is refused by name', (change, message) => {
  const prompts = reader();
  prompts.read(piece(row));
  expect(() => prompts.read(piece(change))).toThrow(message);
});

test('a place beyond what the engine turns by is refused', () => {
  const far = piece({ ropePositions: [0, 0, 0, 0, 2 ** 24, 0] });
  expect(() => reader().read(far)).toThrow('prompt.rope_positions[4]: 16777216, limit 16777215');
});
