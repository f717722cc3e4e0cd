import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildBase, fileBytes, openTuned, type Tuned, wholeModel } from '@zen/delta-build';
import { DeltaError, type DeltaModel, deltaModel, TensorFile } from '@zen/deltas';
import type { NativeQuant } from '@zen/engine';
import { denseSource, sourceTensors } from '@zen/ladder';
import { type Context, fetchSource } from '../context';

export const TUNED_HELP =
  'a PEFT folder, a GGUF file, a safetensors file or folder, or the address of one as for zen pack';

const PEFT_CONFIG = 'adapter_config.json';
const PEFT_WEIGHTS = 'adapter_model.safetensors';

/** A fine-tuned model or adapter for this base. */
export async function openTunedPath(
  context: Context,
  quant: NativeQuant,
  base: BuildBase,
  text: string,
): Promise<{ tuned: Tuned; close(): Promise<void> }> {
  if (!existsSync(text)) return openModel(context, quant, base, text);
  const isFolder = (await stat(text)).isDirectory();
  const folder = isFolder ? text : dirname(text);
  const isPeft = existsSync(join(folder, PEFT_CONFIG)) && (isFolder || text.endsWith(PEFT_WEIGHTS));
  if (isPeft) {
    const config = await readFile(join(folder, PEFT_CONFIG), 'utf8');
    return openFile(quant, base, join(folder, PEFT_WEIGHTS), config);
  }
  if (text.endsWith('.safetensors') && !existsSync(join(folder, 'config.json'))) {
    return openFile(quant, base, text, null);
  }
  return openModel(context, quant, base, pathToFileURL(resolve(text)).href);
}

async function openFile(quant: NativeQuant, base: BuildBase, path: string, config: string | null) {
  const bytes = await fileBytes(path);
  try {
    const tuned = await openTuned(quant, base, await TensorFile.open(bytes), config);
    return { tuned, close: () => bytes.close() };
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

async function openModel(context: Context, quant: NativeQuant, base: BuildBase, uri: string) {
  const source = await fetchSource(context, uri);
  const [own, wanted] = [deltaModel(source.config), deltaModel(base.model)];
  for (const field of Object.keys(wanted) as (keyof DeltaModel)[]) {
    if (own[field] === wanted[field]) continue;
    await source.close();
    throw new DeltaError('wrong-shape', `${uri} has ${field} ${own[field]}, the base has ${wanted[field]}`);
  }
  const read = denseSource(quant, sourceTensors(source), false);
  return { tuned: wholeModel(base, read, source.config.ropeStyle), close: () => source.close() };
}
