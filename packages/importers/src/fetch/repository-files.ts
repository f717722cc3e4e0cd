import { SourceError } from '../source-error';
import { isSafeRelativePath } from '../source-uri';

/** A file that a repository offers. */
export interface OfferedFile {
  name: string;
  bytes: number;
  /** Null where the repository does not tell. */
  sha256: string | null;
}

/** Beside the weights: needed, and welcome. */
const REQUIRED = ['config.json', 'tokenizer.json'];
const OPTIONAL = [
  'tokenizer_config.json',
  'generation_config.json',
  'chat_template.jinja',
  'special_tokens_map.json',
];
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;
const MAX_OFFERED = 100_000;

/**
 * Chooses what of a repository makes up the model: the named file, the only GGUF file, or the safetensors
 * files with their configuration. Names come from outside: only plain ones in the top folder are used.
 */
export function chooseFiles(
  offered: readonly OfferedFile[],
  wanted: string | null,
  where: string,
): OfferedFile[] {
  if (offered.length > MAX_OFFERED) {
    throw new SourceError('too-large', `${where}: ${offered.length} files, limit ${MAX_OFFERED}`);
  }
  for (const file of offered) {
    if (!Number.isSafeInteger(file.bytes) || file.bytes < 0) {
      throw new SourceError('bad-format', `${where}: size of ${JSON.stringify(file.name)} is ${file.bytes}`);
    }
  }
  const safe = offered.filter((file) => isSafeRelativePath(file.name));
  if (wanted !== null) {
    const found = safe.find((file) => file.name === wanted);
    if (!found) throw new SourceError('not-found', `${where} has no ${wanted}`);
    return [found];
  }
  const gguf = safe.filter((file) => file.name.endsWith('.gguf'));
  if (gguf.length === 1) return gguf;
  const weights = safe.filter((file) => file.name === 'model.safetensors' || SHARD.test(file.name));
  if (weights.length === 0) {
    const names = gguf.map((file) => file.name).slice(0, 20);
    throw gguf.length > 1
      ? new SourceError('bad-uri', `${where} has several GGUF files, name one: ${names.join(', ')}`)
      : new SourceError('unsupported', `${where} has neither GGUF nor safetensors files`);
  }
  const named = (name: string) => safe.find((file) => file.name === name);
  const required = weights.some((file) => SHARD.test(file.name))
    ? [...REQUIRED, 'model.safetensors.index.json']
    : REQUIRED;
  const missing = required.filter((name) => !named(name));
  if (missing.length > 0) throw new SourceError('unsupported', `${where} has no ${missing.join(', ')}`);
  return [...[...required, ...OPTIONAL].flatMap((name) => named(name) ?? []), ...weights];
}
