import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildBase, ladderBase, sourceBase } from '@zen/delta-build';
import type { NativeQuant } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { type Context, fetchSource, ladderFolder } from '../context';

export const BASE_HELP =
  'a ladder (a folder, NAME or NAME:quick), or a model as for zen pack where there is none';

/** The base that a text names: a ladder where there is one, else a source. */
export async function openBase(context: Context, quant: NativeQuant, text: string): Promise<BuildBase> {
  const folder = ladderFolder(context, text);
  if (existsSync(join(folder, 'index.json'))) return ladderBase(quant, await openLadder(folder));
  const source = await fetchSource(context, text);
  const progress = (done: number, total: number) => context.output.progress('hashing', done, total);
  return sourceBase(quant, source, progress, context.signal);
}
