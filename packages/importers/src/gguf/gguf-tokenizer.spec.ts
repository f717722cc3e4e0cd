import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@zen/tokenizer';
import { ggufTokenizer } from './gguf-tokenizer';

interface Fixture {
  tokenizerJson: {
    added_tokens: { id: number; content: string; special: boolean }[];
    model: { vocab: Record<string, number>; merges: [string, string][] };
  };
  cases: { text?: string; units?: number[]; ids: number[]; plain: number[] }[];
}

/** The metadata that a conversion to GGUF makes of a tokenizer.json. */
function metadataOf(
  { tokenizerJson: { added_tokens, model } }: Fixture,
  pre: string,
): Record<string, unknown> {
  const tokens: string[] = [];
  const types: number[] = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  tokens.forEach((_, id) => {
    types[id] = 1;
  });
  for (const { id, content, special } of added_tokens) {
    tokens[id] = content;
    types[id] = special ? 3 : 4;
  }
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.merges': model.merges.map((pair) => pair.join(' ')),
    'tokenizer.ggml.eos_token_id': 2,
  };
}

describe('ggufTokenizer', () => {
  it.each([
    ['gpt-2', 'gpt2'],
    ['smollm', 'smollm'],
    ['qwen2', 'qwen2'],
    ['llama-bpe', 'llama3'],
  ])('makes of %s the tokenizer of the reference', (pre, name) => {
    const path = join(__dirname, '../../../tokenizer/fixtures', `small-${name}.json`);
    const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;
    const spec = ggufTokenizer({ metadata: metadataOf(fixture, pre), tensors: [] }, 'x.gguf');
    const tokenizer = Tokenizer.from(spec);
    for (const one of fixture.cases) {
      const text = one.text ?? String.fromCharCode(...one.units!);
      expect({ one, ids: [...tokenizer.encode(text, { parseSpecial: true })] }).toEqual({
        one,
        ids: one.ids,
      });
      expect({ one, ids: [...tokenizer.encode(text)] }).toEqual({ one, ids: one.plain });
    }
  });

  it('starts with BOS where the file or the family says so', () => {
    const path = join(__dirname, '../../../tokenizer/fixtures/small-llama3.json');
    const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;
    const addBos = (pre: string, more: Record<string, unknown>) =>
      ggufTokenizer({ metadata: { ...metadataOf(fixture, pre), ...more }, tensors: [] }, 'x.gguf').addBos;
    expect(addBos('llama-bpe', {})).toBe(true);
    expect(addBos('smollm', {})).toBe(false);
    expect(addBos('llama-bpe', { 'tokenizer.ggml.add_bos_token': false })).toBe(false);
    expect(addBos('smollm', { 'tokenizer.ggml.add_bos_token': true })).toBe(true);
    expect(() => addBos('smollm', { 'tokenizer.ggml.add_bos_token': 1 })).toThrow('must be true or false');
  });
});
