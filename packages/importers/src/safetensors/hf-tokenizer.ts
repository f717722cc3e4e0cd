import { join } from 'node:path';
import type { TokenizerSpec } from '@zen/tokenizer';
import { SourceError } from '../source-error';
import { isObject, type JsonObject, readJson, readText } from './read-json';

/** Reads `tokenizer.json` and what stands beside it. */
export async function hfTokenizer(folder: string, config: JsonObject): Promise<TokenizerSpec> {
  const path = join(folder, 'tokenizer.json');
  const tokenizerJson = await readJson(path);
  if (!tokenizerJson) throw new SourceError('unsupported', `${folder} has no tokenizer.json`);
  const settings = (await readJson(join(folder, 'tokenizer_config.json'))) ?? {};
  const generation = (await readJson(join(folder, 'generation_config.json'))) ?? {};
  const ids = idsByContent(tokenizerJson);
  const named = (field: string): number | null => ids.get(tokenContent(settings[field]) ?? '') ?? null;
  const ends = [...idList(generation.eos_token_id), ...idList(config.eos_token_id)];
  const eosId = named('eos_token') ?? ends[0];
  if (eosId === undefined) throw new SourceError('bad-format', `${folder}: no eos_token`);
  const bosId = named('bos_token') ?? idList(config.bos_token_id)[0] ?? null;
  const template = await readText(join(folder, 'chat_template.jinja'));
  return {
    tokenizerJson,
    chatTemplate: template ?? templateOf(settings.chat_template),
    bosId,
    eosId,
    endIds: [...new Set([eosId, ...ends])],
    addBos: bosId !== null && startsWith(tokenizerJson.post_processor, bosId, ids),
  };
}

function idsByContent(tokenizerJson: JsonObject): Map<string, number> {
  const added = Array.isArray(tokenizerJson.added_tokens) ? tokenizerJson.added_tokens : [];
  return new Map(
    added.flatMap((token: unknown) =>
      isObject(token) && typeof token.content === 'string' && typeof token.id === 'number'
        ? [[token.content, token.id] as const]
        : [],
    ),
  );
}

/** A token is given as its text or as an object with it. */
function tokenContent(token: unknown): string | null {
  if (typeof token === 'string') return token;
  return isObject(token) && typeof token.content === 'string' ? token.content : null;
}

function idList(value: unknown): number[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((id): id is number => Number.isSafeInteger(id) && id >= 0);
}

/** A template, or several by name of which `default` counts. */
function templateOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const chosen = value.find((entry) => isObject(entry) && entry.name === 'default') as JsonObject | undefined;
  return typeof chosen?.template === 'string' ? chosen.template : null;
}

/** Whether the post-processor puts BOS before a text. */
function startsWith(processor: unknown, bosId: number, ids: ReadonlyMap<string, number>): boolean {
  if (!isObject(processor)) return false;
  if (processor.type === 'Sequence' && Array.isArray(processor.processors)) {
    return processor.processors.some((step: unknown) => startsWith(step, bosId, ids));
  }
  if (processor.type !== 'TemplateProcessing' || !Array.isArray(processor.single)) return false;
  const [first] = processor.single as unknown[];
  const special = isObject(first) && isObject(first.SpecialToken) ? first.SpecialToken.id : null;
  return typeof special === 'string' && ids.get(special) === bosId;
}
