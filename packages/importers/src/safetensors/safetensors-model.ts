import { join } from 'node:path';
import type { SourceModel, SourceTensor } from '@zen/ladder';
import { FileRegions } from '../file-region';
import { floatRouters } from '../float-routers';
import { checkTensors } from '../model-config';
import { SourceError } from '../source-error';
import { hfConfig } from './hf-config';
import { hfTokenizer } from './hf-tokenizer';
import { isObject, readJson } from './read-json';
import { readSafetensorsHeader } from './safetensors-header';
import { ggufName } from './tensor-names';

const INDEX = 'model.safetensors.index.json';
const SINGLE = 'model.safetensors';
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;
const MAX_SHARDS = 1_000;

/** Names of a folder's weight files, from the index where there is one; null where there are none. */
export async function shardNames(folder: string): Promise<string[] | null> {
  const index = await readJson(join(folder, INDEX));
  if (!index) return null;
  if (!isObject(index.weight_map))
    throw new SourceError('bad-format', `${INDEX}: weight_map must be an object`);
  const names = [...new Set(Object.values(index.weight_map))];
  // The names come from the file: nothing but a shard of this folder is opened.
  for (const name of names) {
    if (typeof name !== 'string' || !SHARD.test(name)) {
      throw new SourceError('bad-format', `${INDEX}: ${JSON.stringify(name)} is not the name of a shard`);
    }
  }
  if (names.length === 0 || names.length > MAX_SHARDS) {
    throw new SourceError('bad-format', `${INDEX}: ${names.length} shards, must be 1 to ${MAX_SHARDS}`);
  }
  return (names as string[]).sort();
}

/** Opens a folder in the Hugging Face format; tensor bytes are read when they are asked for. */
export async function openSafetensors(
  folder: string,
  origin: { name: string; uri: string; sha256: string },
): Promise<SourceModel> {
  const configPath = join(folder, 'config.json');
  const json = await readJson(configPath);
  if (!json) throw new SourceError('unsupported', `${folder} has no config.json`);
  const config = hfConfig(json, configPath);
  const tokenizer = await hfTokenizer(folder, json);
  const files: FileRegions[] = [];
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    const tensors = new Map<string, SourceTensor>();
    let bytes = 0;
    for (const name of (await shardNames(folder)) ?? [SINGLE]) {
      const file = await FileRegions.open(join(folder, name));
      files.push(file);
      bytes += file.size;
      for (const { name: hfName, shape, type, offset, bytes: length } of await readSafetensorsHeader(file)) {
        const tensor = ggufName(hfName);
        // Tied models may repeat the embeddings as their head.
        if (tensor === null || (tensor === 'output.weight' && config.tiedEmbeddings)) continue;
        if (tensors.has(tensor))
          throw new SourceError('bad-format', `${folder}: tensor ${hfName} appears twice`);
        tensors.set(tensor, { name: tensor, shape, type, bytes: () => file.read(offset, length) });
      }
    }
    checkTensors(config, [...tensors.values()], folder);
    const floats = floatRouters([...tensors.values()]);
    return { ...origin, path: folder, bytes, config, tokenizer, tensors: floats, close };
  } catch (error) {
    await close();
    throw error;
  }
}
