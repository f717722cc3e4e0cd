import { readFile, stat } from 'node:fs/promises';
import { fileError, SourceError } from '../source-error';

/** Above any configuration or tokenizer.json. */
const MAX_JSON = 64 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/** A JSON object from a file of bounded size, or null where there is no file. */
export async function readJson(path: string): Promise<JsonObject | null> {
  const text = await readText(path);
  if (text === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new SourceError('bad-format', `${path}: not JSON`, { cause: error });
  }
  if (!isObject(json)) throw new SourceError('bad-format', `${path}: must be an object`);
  return json;
}

/** A text file of bounded size, or null where there is none. */
export async function readText(path: string): Promise<string | null> {
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON) throw new SourceError('too-large', `${path}: ${size} bytes, limit ${MAX_JSON}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileError(error, path);
  }
}

export function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
