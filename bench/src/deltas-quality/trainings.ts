import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runLines, scriptFolder } from '@zen/training';
import type { Text } from './candidates';

/** What a training needs, and where its results are kept. */
export interface Workshop {
  python: string;
  /** The base, a GGUF file. */
  source: string;
  /** Results by the hash of what made them: a second run takes them from here. */
  folder: string;
  signal: AbortSignal;
  progress(line: string): void;
}

export const textFile = (text: Text, part: 'train' | 'held-out'): string =>
  join(scriptFolder('finetune'), 'text', `${text}.${part}.jsonl`);

/** Runs `train.py` once for these arguments, scripts and text, and gives its folder. */
export async function train(shop: Workshop, text: Text, form: string, options: string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([form, options.map(withoutFolder)]));
  for (const path of [...(await scripts()), textFile(text, 'train')]) hash.update(await readFile(path));
  const folder = join(shop.folder, `${text}.${form}.${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await mkdir(shop.folder, { recursive: true });
  await rm(partial, { recursive: true, force: true });
  const argv = [
    join(scriptFolder('finetune'), 'train.py'),
    shop.source,
    textFile(text, 'train'),
    form,
    partial,
  ];
  shop.progress(`${text}: training ${form} ${options.join(' ')}`);
  await runLines(shop.python, [...argv, ...options], shop.progress, shop.signal);
  await rename(partial, folder);
  return folder;
}

/** A result's folder already has the hash of what made it; where the cache lies does not matter. */
const withoutFolder = (option: string) => option.split('/').slice(-2).join('/');

async function scripts(): Promise<string[]> {
  const folders = [scriptFolder('finetune'), scriptFolder('tune')];
  const names = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))),
  );
  const shaping = ['adam.py', 'base.py', 'pack.py', 'recipes.py', 'train.py', 'model.py', 'chat.py'];
  return names
    .flat()
    .filter((path) => shaping.some((name) => path.endsWith(`/${name}`)))
    .sort();
}
