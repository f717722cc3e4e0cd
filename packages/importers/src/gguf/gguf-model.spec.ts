import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import { SourceError } from '../source-error';
import { buildGguf } from '../testing/build-gguf';
import { tinyConfig, tinyGguf, tinyMetadata, tinyTensors } from '../testing/tiny-model';
import { openGguf } from './gguf-model';

const folder = mkdtempSync(join(tmpdir(), 'zen-gguf-'));
// Files of which each is written and parsed: seconds on a loaded machine.
jest.setTimeout(60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const ORIGIN = { name: 'tiny', uri: 'file:///tiny.gguf', sha256: '0'.repeat(64) };

function open(bytes: Buffer) {
  const path = join(folder, 'model.gguf');
  writeFileSync(path, bytes);
  return openGguf(path, ORIGIN);
}

type Metadata = ReturnType<typeof tinyMetadata>;
type Tensors = ReturnType<typeof tinyTensors>;

function changed(change: (metadata: Metadata, tensors: Tensors) => void): Promise<unknown> {
  const config = tinyConfig('llama', 514);
  const metadata = tinyMetadata(config);
  const tensors = tinyTensors(config);
  change(metadata, tensors);
  return open(buildGguf(metadata, tensors));
}

const named = (tensors: Tensors, name: string) => tensors.find((tensor) => tensor.name === name)!;

describe('openGguf', () => {
  it.each(['llama', 'qwen2', 'qwen3'] as const)('opens a %s model', async (architecture) => {
    const model = await open(tinyGguf(architecture));
    expect(model.config).toEqual(tinyConfig(architecture, 514));
    expect(model.tensors).toHaveLength({ llama: 20, qwen2: 26, qwen3: 24 }[architecture]);
    const norm = model.tensors.find((tensor) => tensor.name === 'output_norm.weight')!;
    expect(norm).toMatchObject({ shape: [1, 32], type: 'F32' });
    expect(Buffer.from(await norm.bytes())).toEqual(Buffer.alloc(128, 1));
    const tokenizer = Tokenizer.from(model.tokenizer as TokenizerSpec);
    expect(tokenizer.decode(tokenizer.encode('12 <|im_end|>', { parseSpecial: true }))).toBe('12 <|im_end|>');
    expect([...tokenizer.endIds]).toEqual([2, 0]);
    await model.close();
  });

  it('tells an own head from tied embeddings', async () => {
    const config = { ...tinyConfig('llama', 514), tiedEmbeddings: false };
    const model = await open(buildGguf(tinyMetadata(config), tinyTensors(config)));
    expect(model.config.tiedEmbeddings).toBe(false);
    await model.close();
  });

  it.each<[string, RegExp, (metadata: Metadata, tensors: Tensors) => void]>([
    [
      'another architecture',
      /general\.architecture is "mamba"/,
      (m) => (m['general.architecture'] = 'mamba'),
    ],
    ['a part of a split file', /one of 3 parts of a split GGUF/, (m) => (m['split.count'] = 3)],
    ['no layers', /layers is 0, must be a whole number from 1 to 1024/, (m) => (m['llama.block_count'] = 0)],
    ['too many heads', /heads is 100000/, (m) => (m['llama.attention.head_count'] = 100_000)],
    [
      'heads that do not share keys evenly',
      /multiple of kvHeads 3/,
      (m) => (m['llama.attention.head_count_kv'] = 3),
    ],
    ['a missing number', /llama\.context_length must be a number/, (m) => delete m['llama.context_length']],
    ['text for a number', /llama\.block_count must be a number/, (m) => (m['llama.block_count'] = 'two')],
    ['scaled rotation', /rope\.scaling\.type is yarn/, (m) => (m['llama.rope.scaling.type'] = 'yarn')],
    ['partial rotation', /rope\.dimension_count is 4, must be/, (m) => (m['llama.rope.dimension_count'] = 4)],
    ['another tokenizer', /tokenizer llama\/smollm/, (m) => (m['tokenizer.ggml.model'] = 'llama')],
    ['another pre-tokenizer', /tokenizer gpt2\/__proto__/, (m) => (m['tokenizer.ggml.pre'] = '__proto__')],
    [
      'an end token outside',
      /eos_token_id is 514, must be a token id below 514/,
      (m) => (m['tokenizer.ggml.eos_token_id'] = 514),
    ],
    [
      'too few token types',
      /token_type has 1 entries, must have 514/,
      (m) => (m['tokenizer.ggml.token_type'] = { ids: [1] }),
    ],
    ['a missing tensor', /tensor output_norm\.weight is missing/, (_m, t) => t.splice(1, 1)],
    ['a foreign tensor', /tensor extra has no place/, (_m, t) => t.push({ name: 'extra', shape: [32] })],
    [
      'a tensor twice',
      /output_norm\.weight appears twice/,
      (_m, t) => t.push({ name: 'output_norm.weight', shape: [32] }),
    ],
    [
      'a wrong shape',
      /blk\.0\.attn_q\.weight is 16 × 32, must be 32 × 32/,
      (_m, t) => (named(t, 'blk.0.attn_q.weight').shape = [16, 32]),
    ],
    [
      'three dimensions',
      /3 dimensions, at most 2/,
      (_m, t) => (named(t, 'blk.0.attn_q.weight').shape = [2, 16, 32]),
    ],
    [
      'half a block',
      /16 columns are not whole blocks of Q8_0/,
      (_m, t) => (named(t, 'blk.0.attn_q.weight').shape = [64, 16]),
    ],
    ['an unknown type', /ggml type 99/, (_m, t) => (named(t, 'blk.0.attn_q.weight').typeNumber = 99)],
    [
      'a tensor beyond the file',
      /"blk\.0\.attn_q\.weight": ends at/,
      (_m, t) => (named(t, 'blk.0.attn_q.weight').offset = 1e9),
    ],
    ['overlapping tensors', /overlap/, (_m, t) => (named(t, 'blk.0.attn_q.weight').offset = 0)],
    ['a name that is a path', /a name has 1 to 64 letters/, (_m, t) => (t[0]!.name = '../x')],
    [
      'an enormous tensor',
      /must be 1 to 2147483648 weights/,
      (_m, t) => Object.assign(t[0]!, { shape: [2 ** 31, 64], data: Buffer.alloc(34) }),
    ],
  ])('refuses %s by name', async (_name, expected, change) => {
    await expect(changed(change)).rejects.toThrow(expected);
    await expect(changed(change)).rejects.toThrow(SourceError);
  });

  it('refuses every truncation of the file', async () => {
    const bytes = tinyGguf();
    for (let length = 0; length < bytes.length; length += Math.ceil(bytes.length / 60)) {
      await expect(open(bytes.subarray(0, length))).rejects.toThrow(SourceError);
    }
  });

  it('opens or refuses files with changed bytes, and never fails otherwise', async () => {
    const bytes = tinyGguf();
    let state = 4711;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 4) % n;
    };
    let refused = 0;
    for (let round = 0; round < 150; round++) {
      const broken = Buffer.from(bytes);
      for (let i = 0; i <= random(4); i++) broken[random(round % 2 ? 1200 : bytes.length)] = random(256);
      try {
        await (await open(broken)).close();
      } catch (error) {
        expect(error).toBeInstanceOf(SourceError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(20);
  });

  it('reports a file that is cut while it is open', async () => {
    const model = await open(tinyGguf());
    writeFileSync(join(folder, 'model.gguf'), 'short');
    await expect(model.tensors[0]!.bytes()).rejects.toThrow(/model\.gguf: ends at/);
    await model.close();
  });
});
