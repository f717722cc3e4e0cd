import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type EnglishTables, type LexiconEntry, SpeechError } from '@zen/speech';

const unzip = promisify(gunzip);
/** Largest table read, in bytes unpacked. */
const MAX_TABLE = 64 * 1024 * 1024;

/** Reads the tables of English pronunciation from the folder that `heart` was brought into. */
export async function readEnglishTables(folder: string): Promise<EnglishTables> {
  const [gold, silver, tagger, contractions] = await Promise.all([
    readTable(folder, 'lexicon_us_gold.json.gz'),
    readTable(folder, 'lexicon_us_silver.json.gz'),
    readTable(folder, 'tagger.json.gz'),
    readTable(folder, 'tokenizer_exceptions.json'),
  ]);
  const { tags, tagdict, vocab, weights } = tagger;
  if (!Array.isArray(tags) || !Array.isArray(vocab) || !isTable(tagdict) || !isTable(weights)) {
    throw new SpeechError('bad-model', `${folder}: tagger.json.gz needs tags, tagdict, vocab and weights`);
  }
  return {
    gold: mapOf<LexiconEntry>(gold),
    silver: mapOf<LexiconEntry>(silver),
    tagger: {
      tags: tags as string[],
      tagdict: mapOf<string>(tagdict),
      vocabulary: new Set(vocab as string[]),
      weights: mapOf<Record<string, number>>(weights),
    },
    contractions: mapOf<string[]>(contractions),
  };
}

type Table = Readonly<Record<string, unknown>>;

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A map, so that the word `constructor` finds what the table says and not what objects have. */
function mapOf<Value>(table: Table): Map<string, Value> {
  return new Map(Object.entries(table) as [string, Value][]);
}

/** One JSON object of a voice's folder. */
export async function readTable(folder: string, name: string): Promise<Table> {
  const path = join(folder, name);
  try {
    const bytes = await readFile(path);
    const text = name.endsWith('.gz') ? await unzip(bytes, { maxOutputLength: MAX_TABLE }) : bytes;
    const value: unknown = JSON.parse(text.toString('utf8'));
    if (isTable(value)) return value;
  } catch (cause) {
    throw new SpeechError('bad-model', `${path}: ${(cause as Error).message}`, { cause });
  }
  throw new SpeechError('bad-model', `${path}: must hold one JSON object`);
}
