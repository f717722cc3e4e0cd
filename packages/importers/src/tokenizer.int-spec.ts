import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheHome } from '@zen/disk';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import { openSource } from './open-source';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const FIXTURES = join(__dirname, '../../tokenizer/fixtures');

interface Case {
  text?: string;
  units?: number[];
  ids: number[];
  plain: number[];
  decoded: string;
}

interface Chat {
  messages: { role: string; content: string }[];
  text: string;
  ids: number[];
}

const PYTHON = process.env.ZEN_REFERENCE_PYTHON;
if (!PYTHON) console.warn('skipped: ZEN_REFERENCE_PYTHON names no Python with the tokenizers package');

const textOf = (one: Case) => one.text ?? String.fromCharCode(...one.units!);

// The larger model is fetched only where it is wanted: its vocabulary is the same for all sizes.
describe.each([
  ['smollm2', 'smollm2-135m-instruct', true],
  ['qwen2.5-coder', 'qwen2.5-coder-0.5b-instruct', Boolean(process.env.ZEN_TEST_QWEN)],
])('Tokenizer with the vocabulary of %s', (fixture, source, wanted) => {
  if (!wanted) console.warn(`skipped: ${source} is 491 MB; set ZEN_TEST_QWEN=1 to test with it`);
  const test = wanted ? it : it.skip;
  let spec: TokenizerSpec;
  let tokenizer: Tokenizer;
  const { cases, chats } = JSON.parse(readFileSync(join(FIXTURES, `golden-${fixture}.json`), 'utf8')) as {
    cases: Case[];
    chats: Chat[];
  };

  beforeAll(async () => {
    if (!wanted) return;
    const model = await openSource(source, { home: cacheHome(process.env) });
    await model.close();
    spec = model.tokenizer as TokenizerSpec;
    tokenizer = Tokenizer.from(spec);
  }, 600_000);

  function check(one: Case): void {
    expect({ one, ids: [...tokenizer.encode(textOf(one), { parseSpecial: true })] }).toEqual({
      one,
      ids: one.ids,
    });
    expect({ one, ids: [...tokenizer.encode(textOf(one))] }).toEqual({ one, ids: one.plain });
    expect(tokenizer.decode(one.ids)).toBe(one.decoded);
    const stream = tokenizer.incremental();
    expect(one.ids.map((id) => stream.push(id)).join('') + stream.finish()).toBe(one.decoded);
  }

  test('gives the reference ids and text', () => {
    for (const one of cases) check(one);
  });

  test('renders chats as the reference does, and control tokens of messages as text', () => {
    for (const { messages, text, ids } of chats) {
      const got = tokenizer.renderChat(messages);
      expect({ messages, ids: [...got] }).toEqual({ messages, ids });
      expect(tokenizer.decode(got)).toBe(text);
    }
  });

  (PYTHON ? test : it.skip)('agrees with the reference on random texts', () => {
    const folder = mkdtempSync(join(tmpdir(), 'zen-fuzz-'));
    try {
      writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
      const seed = process.env.ZEN_FUZZ_SEED ?? '20261125';
      const script = join(FIXTURES, 'make_fixtures.py');
      const lines = execFileSync(PYTHON!, [script, 'fuzz', join(folder, 'spec.json'), seed, '3000'], {
        encoding: 'utf8',
        maxBuffer: 256 * 1024 * 1024,
      });
      for (const line of lines.trim().split('\n')) check(JSON.parse(line) as Case);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('decodes any ids token by token as at once', () => {
    let state = 5;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % n;
    };
    for (let round = 0; round < 500; round++) {
      const ids = Array.from({ length: random(30) }, () => random(tokenizer.vocabSize));
      const stream = tokenizer.incremental();
      expect(ids.map((id) => stream.push(id)).join('') + stream.finish()).toBe(tokenizer.decode(ids));
    }
  });

  test('takes a megabyte of one letter, of letters without a space, and of emoji', () => {
    const letters = Array.from({ length: 1e6 }, (_, i) => String.fromCharCode(97 + ((i * i) % 26))).join('');
    for (const text of ['a'.repeat(1e6), letters, '👩‍👩‍👧'.repeat(1e5)]) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });
});
