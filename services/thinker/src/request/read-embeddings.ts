import type { Prompt } from '@zen/batching';
import type { EmbeddingPrompt } from '@zen/contracts';
import { checkCount, type PromptLimits } from './prompt-limits';
import { checkId } from './read-sampling';
import { invalid } from './thinker-error';

/** What the engine takes for a real row; beyond it squares would overflow. */
const MOST = 1e6;

/** Rows in place of token embeddings, at all positions or between tokens. */
export function readEmbeddings(
  { rows, tokenIds, rowPositions }: EmbeddingPrompt,
  limits: PromptLimits,
): Prompt {
  const width = limits.hiddenSize;
  if (rows.byteLength % (4 * width) !== 0) {
    throw invalid(
      'embeddings.rows',
      `${rows.byteLength} bytes, must be a multiple of ${4 * width} (${width} float32)`,
    );
  }
  const count = rows.byteLength / (4 * width);
  const isMixed = tokenIds.length > 0 || rowPositions.length > 0;
  checkCount(isMixed ? 'embeddings.token_ids' : 'embeddings', isMixed ? tokenIds.length : count, limits);
  if (isMixed) checkPlaces(tokenIds, rowPositions, count, limits);
  // A copy, because the message's own memory need not be aligned to 4 bytes.
  const values = new Float32Array(new Uint8Array(rows).buffer);
  const bad = values.findIndex((value) => !(Math.abs(value) <= MOST));
  if (bad >= 0) {
    const what = Number.isFinite(values[bad]) ? `is beyond ${MOST}` : 'is not finite';
    throw invalid('embeddings.rows', `number ${bad % width} of row ${Math.floor(bad / width)} ${what}`);
  }
  if (!isMixed) return { kind: 'embeddings', rows: values, width };
  const [tokens, rowAt] = [Int32Array.from(tokenIds), Int32Array.from(rowPositions)];
  return { kind: 'mixed', tokens, rows: values, width, rowAt };
}

function checkPlaces(
  tokenIds: number[],
  rowPositions: number[],
  count: number,
  { vocabSize }: PromptLimits,
): void {
  if (rowPositions.length !== count || count === 0) {
    throw invalid(
      'embeddings.row_positions',
      `${rowPositions.length} for ${count} rows, must be one for each, at least one`,
    );
  }
  let last = -1;
  for (const [index, at] of rowPositions.entries()) {
    if (at <= last || at >= tokenIds.length) {
      throw invalid(
        `embeddings.row_positions[${index}]`,
        `${at}, must be above the one before it and below ${tokenIds.length}`,
      );
    }
    last = at;
  }
  for (const id of tokenIds) checkId('embeddings.token_ids', id, vocabSize);
}
