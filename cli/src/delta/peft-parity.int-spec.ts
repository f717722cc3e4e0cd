import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BuiltDelta, buildFromFile } from '@zen/delta-build';
import { deltaParts, type Recipe, readDelta, writePeft } from '@zen/deltas';
import { loadEngine, loadQuant, type NativeModel } from '@zen/engine';
import { openSource } from '@zen/importers';
import type { OpenLadder, SourceModel } from '@zen/ladder';
import { packPlainly } from '@zen/testing';

// The logits spread by 1.5. Keys and values are kept as float16; all else at the top stage is float32.
const TOLERANCE = 0.02;
const FIXTURES = join(__dirname, '../../fixtures/peft');
const text = (...path: string[]) => readFileSync(join(FIXTURES, ...path), 'utf8');

/** What PEFT answers; see `fixtures/make_peft.py`. */
const golden = JSON.parse(text('golden.json')) as {
  tokens: number[];
  bases: Record<string, string>;
  adapters: Record<string, { base: string; logits: string }>;
  exports: Record<string, { adapter: string; recipe: Recipe; logits: string }>;
};
const tokens = Int32Array.from(golden.tokens);

/** A base of the fixtures, packed. */
interface Base {
  folder: string;
  ladder: OpenLadder;
  engine: NativeModel;
}

const home = mkdtempSync(join(tmpdir(), 'zen-peft-'));
const bases = new Map<string, Base>();

beforeAll(async () => {
  for (const kind of ['qwen2', 'llama', 'llama-interleaved']) bases.set(kind, await packedBase(kind));
});
afterAll(() => {
  for (const { engine } of bases.values()) engine.close();
  rmSync(home, { recursive: true });
});

async function packedBase(kind: string): Promise<Base> {
  const [from, order] = kind.split('-') as [string, string?];
  const model = join(home, `${kind}-model`);
  mkdirSync(model);
  const shards = from === 'llama' ? ['base'] : ['base', 'biases'];
  const names = shards.map((_, at) => `model-0000${at + 1}-of-0000${shards.length}.safetensors`);
  for (const [at, shard] of shards.entries()) {
    copyFileSync(join(FIXTURES, `${shard}.safetensors`), join(model, names[at]!));
  }
  writeFileSync(join(model, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { ...names } }));
  copyFileSync(join(FIXTURES, 'tokenizer.json'), join(model, 'tokenizer.json'));
  copyFileSync(join(FIXTURES, `config.${from}.json`), join(model, 'config.json'));
  const opened = await openSource(model, { home });
  const source = order ? interleaved(opened) : opened;
  const folder = join(home, kind);
  const ladder = await packPlainly(source, folder, 32).finally(() => source.close());
  const engine = loadEngine().open(ladder.configJson, {
    threads: 1,
    kvBytes: 2 ** 22,
    kvType: 'f16',
    contextTokens: 64,
    tokenBytes: new Uint8Array(0),
    tokenOffsets: new Uint32Array(ladder.config.model.vocabSize + 1),
    delta: { slots: 1, slotBytes: 2 ** 20, denseSlots: 0 },
  });
  for (const [stage, path] of ladder.stagePaths.entries()) await engine.attachStage(stage, path);
  return { folder, ladder, engine };
}

/** The model as a GGUF file of a Llama has it: of a head's rows, i and i + headSize/2 become neighbours. */
function interleaved(source: SourceModel): SourceModel {
  const { headSize } = source.config;
  const turned = (bytes: Uint8Array, rows: number) => {
    const width = bytes.length / rows;
    const out = new Uint8Array(bytes.length);
    for (let row = 0; row < rows; row++) {
      const at = row % headSize;
      const to = row - at + (at < headSize / 2 ? 2 * at : 2 * at - headSize + 1);
      out.set(bytes.subarray(row * width, (row + 1) * width), to * width);
    }
    return out;
  };
  return {
    ...source,
    config: { ...source.config, ropeStyle: 'interleaved' },
    tensors: source.tensors.map((tensor) =>
      /attn_[qk]\.weight$/.test(tensor.name)
        ? { ...tensor, bytes: async () => turned(await tensor.bytes(), tensor.shape[0]) }
        : tensor,
    ),
  };
}

const recipeOf = (adapter: string): Recipe => (adapter.startsWith('ia3') ? 'vec' : 'lora16');

const build = (kind: string, folder: string, recipe: Recipe): Promise<BuiltDelta> =>
  buildFromFile({
    quant: loadQuant(),
    ladder: bases.get(kind)!.folder,
    file: join(FIXTURES, folder, 'adapter_model.safetensors'),
    adapterConfig: text(folder, 'adapter_config.json'),
    recipe,
    rank: null,
    calibrationTokens: 0,
    progress: () => {},
    signal: new AbortController().signal,
  });

/** How far the engine's logits after the last token are from PEFT's, at the top stage. */
async function distance(kind: string, built: BuiltDelta | null, wanted: string): Promise<number> {
  const { engine, ladder } = bases.get(kind)!;
  const delta = built && (await engine.loadDelta(partsOf(built)));
  try {
    const all = await engine.logits(ladder.stagePaths.length - 1, tokens, delta);
    const { vocabSize } = ladder.config.model;
    const reference = new Float32Array(Uint8Array.from(Buffer.from(wanted, 'base64')).buffer);
    expect(reference).toHaveLength(vocabSize);
    const last = all.subarray(all.length - vocabSize);
    return last.reduce((most, value, i) => Math.max(most, Math.abs(value - reference[i]!)), 0);
  } finally {
    if (delta) engine.freeDelta(delta);
  }
}

function partsOf({ file }: BuiltDelta) {
  const { manifest, data } = readDelta(file);
  return deltaParts(manifest, data);
}

/** A Llama's rows can have two orders; PEFT knows one. */
const kindsOf = (base: string) => (base === 'llama' ? ['llama', 'llama-interleaved'] : [base]);
const adapters = Object.entries(golden.adapters).flatMap(([name, { base }]) =>
  kindsOf(base).map((kind) => [name, kind] as const),
);

test.each(['qwen2', 'llama', 'llama-interleaved'])(
  'the engine answers as transformers on %s',
  async (kind) => {
    expect(await distance(kind, null, golden.bases[kind.split('-')[0]!]!)).toBeLessThan(TOLERANCE);
  },
);

test.each(adapters)('a delta of the adapter %s on %s answers as PEFT does', async (name, kind) => {
  const { base, logits } = golden.adapters[name]!;
  const built = await build(kind, `adapters/${name}`, recipeOf(name));
  expect(built.exact).toBe(true);
  expect(await distance(kind, built, logits)).toBeLessThan(TOLERANCE);
  // Neither is the base alone, so the comparison is not blind.
  expect(await distance(kind, built, golden.bases[base]!)).toBeGreaterThan(50 * TOLERANCE);
});

const exported = Object.keys(golden.exports).flatMap((name) =>
  kindsOf('llama').map((kind) => [name, kind] as const),
);

test.each(exported)(
  'PEFT answers with the export %s as the engine with its delta on %s',
  async (name, kind) => {
    const { adapter, recipe, logits } = golden.exports[name]!;
    const built = await build(kind, `adapters/${adapter}`, recipe);
    expect(await distance(kind, built, logits)).toBeLessThan(TOLERANCE);
    // What PEFT was given is what is written now, byte by byte.
    const { ropeStyle } = bases.get(kind)!.ladder.config.model;
    const files = writePeft(built.manifest, partsOf(built), ropeStyle, 'tiny');
    expect(files.config).toBe(text('exports', name, 'adapter_config.json'));
    const model = readFileSync(join(FIXTURES, 'exports', name, 'adapter_model.safetensors'));
    expect(files.model.equals(model)).toBe(true);
  },
);

const REFUSALS: Readonly<Record<string, string>> = {
  bias: 'adapter_config.bias',
  dora: 'adapter_config.use_dora',
  'modules-to-save': 'adapter_config.modules_to_save',
  pissa: 'adapter_config.init_lora_weights',
};

test.each(readdirSync(join(FIXTURES, 'refused')))('%s is refused by name', async (name) => {
  const refused = build('qwen2', `refused/${name}`, 'lora16');
  await expect(refused).rejects.toMatchObject({ failure: 'unsupported' });
  await expect(refused).rejects.toThrow(REFUSALS[name]!);
});
