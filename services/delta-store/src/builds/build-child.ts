import { writeFile } from 'node:fs/promises';
import { buildFromFile } from '@zen/delta-build';
import { DeltaError, type Recipe } from '@zen/deltas';
import { loadQuant } from '@zen/engine';
import { LadderError } from '@zen/ladder';

/** What the worker tells this process, once. */
export interface BuildOrder {
  ladder: string;
  file: string;
  output: string;
  adapterConfig: string | null;
  recipe: Recipe;
  rank: number | null;
}

/** What it tells the worker. */
export type BuildWord =
  | { t: 'progress'; done: number; total: number }
  | { t: 'done' }
  /** The input is at fault. */
  | { t: 'refused'; reason: string };

const CALIBRATION_TOKENS = 2048;

function say(word: BuildWord): Promise<void> {
  return new Promise((resolve) => process.send?.(word, () => resolve()));
}

async function build({ output, ...order }: BuildOrder): Promise<void> {
  try {
    const { file } = await buildFromFile({
      ...order,
      quant: loadQuant(),
      calibrationTokens: CALIBRATION_TOKENS,
      progress: (done, total) => void say({ t: 'progress', done, total }),
      signal: new AbortController().signal,
    });
    await writeFile(output, file, { mode: 0o600 });
    await say({ t: 'done' });
  } catch (error) {
    if (!(error instanceof DeltaError || error instanceof LadderError)) throw error;
    await say({ t: 'refused', reason: error.message });
  }
}

process.once('message', (order: BuildOrder) => {
  build(order).then(
    () => process.exit(0),
    (error) => {
      process.stderr.write(`${error.stack ?? error}\n`, () => process.exit(1));
    },
  );
});
// Nobody waits for it any more.
process.once('disconnect', () => process.exit(1));
