import type { AddedToken } from './added-tokens';
import { MergeTable } from './bpe';
import { BYTE_CHARS, byteLevelBytes } from './byte-level';
import { nfc } from './nfc';
import {
  LLAMA3_PATTERN,
  QWEN2_PATTERN,
  type Splitter,
  splitDigits,
  splitGpt2,
  splitLlama3,
} from './split-text';
import { TokenizerError } from './tokenizer-error';

/** A `tokenizer.json` in the form that encoding needs. */
export interface ParsedTokenizer {
  /** Highest id + 1. */
  vocabSize: number;
  /** Bytes of each id; empty for an id that no token has. */
  bytes: Uint8Array[];
  /** Id of each single byte, -1 where the vocabulary lacks it (the reference then drops the byte). */
  byteIds: Int32Array;
  merges: MergeTable;
  /** Words that are tokens without merging, in byte-level characters; null where merges decide alone. */
  wholeWords: Map<string, number> | null;
  added: AddedToken[];
  splitters: Splitter[];
  normalize: (text: string) => string;
}

const MAX_TOKENS = 1_048_576;
const MAX_ADDED = 65_536;
const MAX_TOKEN_CHARS = 4_096;

/** Checks and converts a byte-level BPE `tokenizer.json`; what cannot be followed exactly is refused. */
export function parseTokenizerJson(json: unknown): ParsedTokenizer {
  const root = object(json, 'tokenizer.json');
  const model = object(root.model, 'model');
  if (model.type !== 'BPE') throw unsupported('model.type', model.type, 'BPE');
  for (const field of ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix', 'byte_fallback']) {
    if (model[field]) throw unsupported(`model.${field}`, model[field], 'none');
  }
  if (object(root.decoder, 'decoder').type !== 'ByteLevel')
    throw unsupported('decoder', root.decoder, 'ByteLevel');
  const added = list(root.added_tokens ?? [], 'added_tokens', MAX_ADDED).map(parseAdded);
  const vocab = parseVocab(model.vocab);
  const vocabSize = Math.max(-1, ...added.map((token) => token.id), largest(vocab.values())) + 1;
  const bytes = new Array<Uint8Array>(vocabSize).fill(new Uint8Array(0));
  const utf8 = new TextEncoder();
  for (const [token, id] of vocab) {
    if (bytes[id]!.length > 0) throw bad('model.vocab', `two tokens have id ${id}`);
    bytes[id] = byteLevelBytes(token) ?? utf8.encode(token);
  }
  for (const token of added) bytes[token.id] = utf8.encode(token.content);
  const byteIds = Int32Array.from(BYTE_CHARS, (char) => vocab.get(char) ?? -1);
  if (model.unk_token && byteIds.includes(-1)) throw unsupported('model.unk_token', model.unk_token, 'none');
  const control = new Set(added.filter((token) => token.control).map((token) => token.id));
  return {
    vocabSize,
    bytes,
    byteIds,
    merges: parseMerges(model.merges, vocab),
    wholeWords: model.ignore_merges ? new Map([...vocab].filter(([, id]) => !control.has(id))) : null,
    added,
    splitters: parseSplitters(root.pre_tokenizer),
    normalize: parseNormalizer(root.normalizer ?? null),
  };
}

function parseVocab(json: unknown): Map<string, number> {
  const entries = Object.entries(object(json, 'model.vocab'));
  if (entries.length === 0 || entries.length > MAX_TOKENS) {
    throw bad('model.vocab', `${entries.length} tokens, must be 1 to ${MAX_TOKENS}`);
  }
  const vocab = new Map<string, number>();
  for (const [token, id] of entries) {
    if (token.length > MAX_TOKEN_CHARS)
      throw bad('model.vocab', `a token has more than ${MAX_TOKEN_CHARS} characters`);
    vocab.set(token, tokenId(id, 'model.vocab'));
  }
  return vocab;
}

function parseMerges(json: unknown, vocab: ReadonlyMap<string, number>): MergeTable {
  const merges = list(json, 'model.merges', MAX_TOKENS).map((merge) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2) throw bad('model.merges', 'a merge must name two tokens');
    const [left, right] = pair as [string, string];
    const ids = { left: vocab.get(left), right: vocab.get(right), result: vocab.get(left + right) };
    if (ids.left === undefined || ids.right === undefined || ids.result === undefined) {
      throw bad('model.merges', `${JSON.stringify(pair)} is not made of tokens of the vocabulary`);
    }
    return ids as { left: number; right: number; result: number };
  });
  return new MergeTable(merges);
}

function parseAdded(json: unknown): AddedToken {
  const token = object(json, 'added_tokens');
  const { content } = token;
  if (typeof content !== 'string' || content.length === 0 || content.length > MAX_TOKEN_CHARS) {
    throw bad('added_tokens.content', `must have 1 to ${MAX_TOKEN_CHARS} characters`);
  }
  for (const flag of ['single_word', 'lstrip', 'rstrip']) {
    if (token[flag]) throw unsupported(`added_tokens ${content} ${flag}`, true, 'false');
  }
  return {
    id: tokenId(token.id, 'added_tokens.id'),
    content,
    // Some publishers leave tokens such as <|fim_prefix|> unmarked; they steer the model all the same.
    control: token.special === true || /^<\|.*\|>$/.test(content),
    normalized: token.normalized === true,
  };
}

function parseSplitters(json: unknown): Splitter[] {
  const pre = object(json, 'pre_tokenizer');
  const steps = pre.type === 'Sequence' ? list(pre.pretokenizers, 'pre_tokenizer.pretokenizers', 8) : [pre];
  const last = steps.at(-1);
  if (!last || object(last, 'pre_tokenizer').type !== 'ByteLevel') {
    throw unsupported('pre_tokenizer', pre.type, 'one that ends in ByteLevel');
  }
  return steps.flatMap((step) => parseSplitter(object(step, 'pre_tokenizer')));
}

function parseSplitter(step: Record<string, unknown>): Splitter[] {
  switch (step.type) {
    case 'ByteLevel':
      if (step.add_prefix_space) throw unsupported('pre_tokenizer.add_prefix_space', true, 'false');
      return step.use_regex === false ? [] : [splitGpt2];
    case 'Digits':
      if (step.individual_digits !== true)
        throw unsupported('pre_tokenizer.individual_digits', false, 'true');
      return [splitDigits];
    case 'Split': {
      const pattern = object(step.pattern, 'pre_tokenizer.pattern').Regex;
      const known = typeof pattern === 'string' ? SPLIT_PATTERNS.get(pattern) : undefined;
      // A pattern that covers every text may also be given as what is kept.
      const isolated = step.behavior === 'Isolated' && !step.invert;
      const kept = step.behavior === 'Removed' && step.invert === true;
      if (!known || !(isolated || kept))
        throw unsupported('pre_tokenizer.pattern', pattern, 'one that is known');
      return [known];
    }
    default:
      throw unsupported('pre_tokenizer.type', step.type, 'ByteLevel, Digits, Split or a Sequence of them');
  }
}

/** Patterns are followed by hand, so that no pattern of a downloaded file is ever run. */
const SPLIT_PATTERNS: ReadonlyMap<string, Splitter> = new Map([
  [LLAMA3_PATTERN, splitLlama3(3)],
  [QWEN2_PATTERN, splitLlama3(1)],
]);

function parseNormalizer(json: unknown): (text: string) => string {
  if (json === null) return (text) => text;
  const normalizer = object(json, 'normalizer');
  if (normalizer.type === 'NFC') return nfc;
  if (normalizer.type === 'Sequence') {
    const steps = list(normalizer.normalizers, 'normalizer.normalizers', 8).map(parseNormalizer);
    return (text) => steps.reduce((current, step) => step(current), text);
  }
  throw unsupported('normalizer.type', normalizer.type, 'NFC or none');
}

function tokenId(value: unknown, field: string): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= MAX_TOKENS) {
    throw bad(field, `id ${JSON.stringify(value)}, must be a whole number below ${MAX_TOKENS}`);
  }
  return value as number;
}

function largest(values: Iterable<number>): number {
  let max = -1;
  for (const value of values) max = Math.max(max, value);
  return max;
}

function object(json: unknown, field: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw bad(field, 'must be an object');
  return json as Record<string, unknown>;
}

function list(json: unknown, field: string, limit: number): unknown[] {
  if (!Array.isArray(json) || json.length > limit) throw bad(field, `must be an array of at most ${limit}`);
  return json;
}

function bad(field: string, why: string): TokenizerError {
  return new TokenizerError('bad-spec', `${field}: ${why}`);
}

function unsupported(field: string, value: unknown, usable: string): TokenizerError {
  return new TokenizerError('unsupported', `${field} is ${JSON.stringify(value)}; usable: ${usable}`);
}
