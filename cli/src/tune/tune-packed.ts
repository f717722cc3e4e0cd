import type { CorpusSequence } from '@zen/delta-build';
import type { NativeQuant } from '@zen/engine';
import { openLadder, tuneLadder } from '@zen/ladder';
import { trainingPython } from '@zen/training';
import type { Context } from '../context';
import { tune } from './tune';

/** Trains the scales of a ladder in place. */
export async function tunePacked(
  context: Context,
  quant: NativeQuant,
  folder: string,
  minutes: number,
  texts: CorpusSequence[],
): Promise<void> {
  const { home, output, signal } = context;
  output.progress('preparing', 0, 1);
  const python = await trainingPython('tune', home, signal);
  const { kept } = await tuneLadder(quant, await openLadder(folder), folder, (ladder, reader) =>
    tune(ladder, reader, {
      quant,
      python,
      home,
      minutes,
      sequences: texts.map(({ tokens }) => tokens),
      progress: (done, total) => output.progress('tuning', done, total),
      signal,
    }),
  );
  output.note(`trained; ${kept} groups kept their scales`);
}
