import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LadderError } from './ladder-error';

/** A text of `packages/ladder/corpus`: plain, or one turn of a chat that the source model answered itself. */
export type CorpusText = { kind: string; text: string } | { kind: string; prompt: string; answer: string };

export type CorpusPart = 'calibration' | 'evaluation';

/** All texts of a part, files in order of name, then the generated chats. */
export async function readCorpus(
  part: CorpusPart,
  folder = join(__dirname, '..', 'corpus'),
): Promise<CorpusText[]> {
  const path = join(folder, part);
  try {
    const texts: CorpusText[] = [];
    for (const name of (await readdir(path)).sort()) {
      if (name.endsWith('.json')) continue;
      texts.push({ kind: name, text: await readFile(join(path, name), 'utf8') });
    }
    const generated = JSON.parse(await readFile(join(path, 'generated.json'), 'utf8')) as CorpusText[];
    return [...texts, ...generated];
  } catch (error) {
    throw LadderError.fromIo(error, path);
  }
}
