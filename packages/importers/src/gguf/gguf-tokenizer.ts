import type { TokenizerSpec } from '@zen/tokenizer';
import { SourceError } from '../source-error';
import { GgufMetadata } from './gguf-config';
import type { GgufHeader } from './gguf-header';

/** ggml's token types. */
const CONTROL = 3;
const USER_DEFINED = 4;
const MAX_TOKENS = 1_048_576;

/** Letters with their combining prefix, numbers one at a time or in threes, punctuation, line ends, spaces. */
const llama3Pattern = (numbers: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const byteLevel = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const sequence = (...pretokenizers: unknown[]) => ({ type: 'Sequence', pretokenizers });
const split = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});

/** What `tokenizer.ggml.pre` stands for, in the words of a Hugging Face `tokenizer.json`. */
const PRE_TOKENIZERS: Readonly<
  Record<string, { preTokenizer: unknown; normalizer: unknown; ignoreMerges: boolean }>
> = {
  'gpt-2': { preTokenizer: byteLevel(true), normalizer: null, ignoreMerges: false },
  smollm: {
    preTokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
    normalizer: null,
    ignoreMerges: false,
  },
  qwen2: {
    preTokenizer: sequence(split(llama3Pattern('\\p{N}')), byteLevel(false)),
    normalizer: { type: 'NFC' },
    ignoreMerges: false,
  },
  'llama-bpe': {
    preTokenizer: sequence(split(llama3Pattern('\\p{N}{1,3}')), byteLevel(false)),
    normalizer: null,
    ignoreMerges: true,
  },
};

/** Turns a GGUF's `tokenizer.ggml.*` into the tokenizer that the ladder carries. */
export function ggufTokenizer(header: GgufHeader, path: string): TokenizerSpec {
  const meta = new GgufMetadata(path, header.metadata);
  const model = meta.string('tokenizer.ggml.model');
  const pre = meta.has('tokenizer.ggml.pre') ? meta.string('tokenizer.ggml.pre') : 'gpt-2';
  const kind = Object.hasOwn(PRE_TOKENIZERS, pre) ? PRE_TOKENIZERS[pre] : undefined;
  if (model !== 'gpt2' || !kind) {
    throw new SourceError(
      'unsupported',
      `${path}: tokenizer ${model}/${pre}; usable are gpt2 with ${Object.keys(PRE_TOKENIZERS).join(', ')}`,
    );
  }
  const tokens = meta.strings('tokenizer.ggml.tokens');
  const types = meta.numbers('tokenizer.ggml.token_type');
  if (tokens.length === 0 || tokens.length > MAX_TOKENS) {
    throw meta.bad('tokenizer.ggml.tokens', `has ${tokens.length} entries, must be 1 to ${MAX_TOKENS}`);
  }
  if (types.length !== tokens.length) {
    throw meta.bad('tokenizer.ggml.token_type', `has ${types.length} entries, must have ${tokens.length}`);
  }
  const id = (key: string): number => {
    const value = meta.number(key);
    if (!Number.isInteger(value) || value < 0 || value >= tokens.length) {
      throw meta.bad(key, `is ${value}, must be a token id below ${tokens.length}`);
    }
    return value;
  };
  const eosId = id('tokenizer.ggml.eos_token_id');
  const endIds = new Set([eosId]);
  if (meta.has('tokenizer.ggml.eot_token_id')) endIds.add(id('tokenizer.ggml.eot_token_id'));
  for (const end of ['<|im_end|>', '<|endoftext|>', '<|eot_id|>']) {
    const at = tokens.indexOf(end);
    if (at >= 0 && types[at] === CONTROL) endIds.add(at);
  }
  return {
    tokenizerJson: {
      version: '1.0',
      added_tokens: tokens.flatMap((content, index) =>
        types[index] === CONTROL || types[index] === USER_DEFINED
          ? [
              {
                id: index,
                content,
                single_word: false,
                lstrip: false,
                rstrip: false,
                normalized: false,
                special: types[index] === CONTROL,
              },
            ]
          : [],
      ),
      normalizer: kind.normalizer,
      pre_tokenizer: kind.preTokenizer,
      decoder: byteLevel(true),
      model: {
        type: 'BPE',
        ignore_merges: kind.ignoreMerges,
        // fromEntries defines own properties, also for a token called __proto__.
        vocab: Object.fromEntries(tokens.map((token, index) => [token, index])),
        merges: meta.strings('tokenizer.ggml.merges'),
      },
    },
    chatTemplate: meta.has('tokenizer.chat_template') ? meta.string('tokenizer.chat_template') : null,
    bosId: meta.has('tokenizer.ggml.bos_token_id') ? id('tokenizer.ggml.bos_token_id') : null,
    eosId,
    endIds: [...endIds],
    addBos: meta.flag('tokenizer.ggml.add_bos_token', pre === 'llama-bpe'),
  };
}
