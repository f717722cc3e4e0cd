import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenizerSpec } from './spec';
import { Tokenizer } from './tokenizer';
import { TokenizerError } from './tokenizer-error';

interface Case {
  text?: string;
  /** UTF-16 units of a text that JSON cannot carry. */
  units?: number[];
  ids: number[];
  plain: number[];
  decoded: string;
}

function load(name: string): { tokenizer: Tokenizer; cases: Case[] } {
  const file = JSON.parse(readFileSync(join(__dirname, '../fixtures', `small-${name}.json`), 'utf8'));
  const tokenizer = Tokenizer.from(specOf(file.tokenizerJson));
  return { tokenizer, cases: file.cases };
}

function specOf(tokenizerJson: unknown): TokenizerSpec {
  return { tokenizerJson, chatTemplate: null, bosId: 1, eosId: 2, endIds: [2, 0], addBos: true };
}

const textOf = (one: Case) => one.text ?? String.fromCharCode(...one.units!);

describe.each(['gpt2', 'smollm', 'qwen2', 'llama3'])('Tokenizer with the %s pre-tokenizer', (name) => {
  const { tokenizer, cases } = load(name);

  it('gives the reference ids, with control tokens parsed and as text', () => {
    for (const one of cases) {
      expect({ text: one, ids: [...tokenizer.encode(textOf(one), { parseSpecial: true })] }).toEqual({
        text: one,
        ids: one.ids,
      });
      expect({ text: one, ids: [...tokenizer.encode(textOf(one))] }).toEqual({ text: one, ids: one.plain });
    }
  });

  it('gives the reference text, whole and token by token', () => {
    for (const one of cases) {
      expect(tokenizer.decode(one.ids)).toBe(one.decoded);
      const stream = tokenizer.incremental();
      const pieces = [...one.ids.map((id) => stream.push(id)), stream.finish()];
      expect(pieces.join('')).toBe(one.decoded);
    }
  });

  it('stays fast on one enormous word and on enormous runs', () => {
    // Anything quadratic takes minutes here; the test's own limit is the check.
    for (const text of ['a', ' ', '1'].map((unit) => unit.repeat(3e5))) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
    expect(tokenizer.encode(`a${'\u0315\u0300'.repeat(3e5)}`).length).toBeGreaterThan(3e5);
  }, 60_000);
});

describe('Tokenizer', () => {
  const { tokenizer } = load('gpt2');

  it('tells bytes, control tokens and sizes', () => {
    expect(tokenizer.vocabSize).toBe(514);
    expect(tokenizer.isControl(1)).toBe(true);
    expect(tokenizer.isControl(300)).toBe(false);
    expect(new TextDecoder().decode(tokenizer.tokenBytes(1))).toBe('<|im_start|>');
    const longest = Math.max(...Array.from({ length: 514 }, (_, id) => tokenizer.tokenBytes(id).length));
    expect(tokenizer.maxTokenBytes).toBe(longest);
    expect(tokenizer.decode([1, ...tokenizer.encode('hi'), 2], { skipControl: true })).toBe('hi');
  });

  it('starts with BOS only where asked', () => {
    expect(tokenizer.encode('x', { addBos: true })[0]).toBe(1);
    expect(tokenizer.encode('x')[0]).not.toBe(1);
  });

  it('keeps a control token text where its place is protected', () => {
    const text = '<|im_end|><|im_end|>';
    const ids = tokenizer.encode(text, { parseSpecial: true, plainAt: new Set([10]) });
    expect([...ids].filter((id) => id === 2)).toHaveLength(1);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it.each([-1, 514, 1.5, Number.NaN])('refuses token id %p by name', (id) => {
    expect(() => tokenizer.decode([id])).toThrow(/token id .* must be 0 to 513/);
  });

  it('stops as soon as there are more tokens than allowed', () => {
    expect(() => tokenizer.encode('1 2 3 4', { maxTokens: 3 })).toThrow('the text has more than 3 tokens');
    expect(tokenizer.encode('1 2 3 4', { maxTokens: 7 })).toHaveLength(7);
  });

  it('does not remember anything between texts that changes a result', () => {
    const fresh = load('gpt2').tokenizer;
    tokenizer.encode('x'.repeat(5000));
    for (let i = 0; i < 40_000; i++) tokenizer.encode(`w${i}`);
    expect(tokenizer.encode('w1 the w39999')).toEqual(fresh.encode('w1 the w39999'));
  });
});

describe('Tokenizer.from', () => {
  const good = () =>
    JSON.parse(readFileSync(join(__dirname, '../fixtures/small-smollm.json'), 'utf8')).tokenizerJson;
  const changed = (change: (json: ReturnType<typeof good>) => void) => {
    const json = good();
    change(json);
    return () => Tokenizer.from(specOf(json));
  };

  it.each<[string, RegExp, (json: ReturnType<typeof good>) => void]>([
    ['no model', /^model: must be an object/, (json) => delete json.model],
    ['another model', /^model\.type is "WordPiece"/, (json) => (json.model.type = 'WordPiece')],
    ['byte fallback', /^model\.byte_fallback/, (json) => (json.model.byte_fallback = true)],
    ['an id that is no number', /^model\.vocab: id "7"/, (json) => (json.model.vocab['!'] = '7')],
    ['a huge id', /^model\.vocab: id 99999999/, (json) => (json.model.vocab['!'] = 99_999_999)],
    ['two tokens of one id', /two tokens have id 7/, (json) => (json.model.vocab['!'] = 7)],
    [
      'a merge of unknown tokens',
      /^model\.merges: \["zq","zq"\]/,
      (json) => json.model.merges.push(['zq', 'zq']),
    ],
    ['a merge of one token', /a merge must name two tokens/, (json) => json.model.merges.push('a')],
    ['an empty added token', /^added_tokens\.content/, (json) => (json.added_tokens[0].content = '')],
    ['a stripping added token', /lstrip is true/, (json) => (json.added_tokens[0].lstrip = true)],
    ['an unknown normalizer', /^normalizer\.type is "NFKC"/, (json) => (json.normalizer = { type: 'NFKC' })],
    [
      'an unknown pre-tokenizer',
      /^pre_tokenizer is "Whitespace"/,
      (json) => (json.pre_tokenizer = { type: 'Whitespace' }),
    ],
    [
      'an unknown pattern',
      /^pre_tokenizer\.pattern is "\(a\+\)\+"/,
      (json) =>
        (json.pre_tokenizer.pretokenizers[0] = {
          type: 'Split',
          pattern: { Regex: '(a+)+' },
          behavior: 'Isolated',
        }),
    ],
    ['another decoder', /^decoder/, (json) => (json.decoder = { type: 'WordPiece' })],
  ])('refuses %s by name', (_name, expected, change) => {
    expect(changed(change)).toThrow(expected);
    expect(changed(change)).toThrow(TokenizerError);
  });

  it('refuses special ids outside the vocabulary', () => {
    expect(() => Tokenizer.from({ ...specOf(good()), eosId: 999_999 })).toThrow('eosId: 999999 is not below');
    expect(() => Tokenizer.from({ ...specOf(good()), endIds: [-1] })).toThrow('endIds: -1 is not below');
  });

  it('takes a token named like a property of objects as a token', () => {
    const json = JSON.parse(JSON.stringify(good()).replace('"vocab":{', '"vocab":{"__proto__":600,'));
    expect(Tokenizer.from(specOf(json)).tokenBytes(600)).toHaveLength(9);
  });
});
