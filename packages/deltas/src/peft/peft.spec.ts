import type { DeltaPart } from '@zen/engine';
import { applyDelta } from '../apply-delta';
import { DeltaError } from '../delta-error';
import { readDelta, writeDelta } from '../delta-file';
import { deltaParts } from '../delta-parts';
import { takeLora1 } from '../encode/take-lora1';
import { fromBfloat, fromHalf, toHalf } from '../float16';
import { type DeltaModel, MODULES, moduleShape, type Recipe } from '../modules';
import { type RowOrder, reorderRows } from '../row-order';
import { random, SAMPLE_BASE, sampleParts } from '../sample-delta.fixture';
import { bytesOf, TensorFile } from '../tensor-file';
import { moduleKey } from './adapter';
import { readPeft } from './read-peft';
import { safetensors, writePeft } from './write-peft';

const MODEL: DeltaModel = { layers: 2, hidden: 16, ffn: 24, heads: 4, kvHeads: 2, headSize: 6 };
const ORDERS: RowOrder[] = ['interleaved', 'half'];

function deltaOf(recipe: Recipe, layers: number[], rank = 3) {
  const parts = sampleParts({ recipe, model: MODEL, layers, rank });
  const { file } = writeDelta({ base: SAMPLE_BASE, recipe, model: MODEL, parts });
  const { manifest, data } = readDelta(file);
  return { manifest, parts: deltaParts(manifest, data) };
}

const open = (model: Uint8Array) => TensorFile.open(bytesOf(model));

async function adapterOf(recipe: Recipe, layers: number[], order: RowOrder) {
  const delta = deltaOf(recipe, layers);
  const files = writePeft(delta.manifest, delta.parts, order, 'base');
  return { ...delta, files, adapter: await readPeft(files.config, await open(files.model), MODEL, order) };
}

describe.each(ORDERS)('rows that are %s', (order) => {
  test('lora1 comes back from PEFT exactly, signs and scales', async () => {
    const { parts, adapter } = await adapterOf('lora1', [0, 1], order);
    if (adapter.kind !== 'lora') throw new Error('no LoRA');
    for (const part of parts as (DeltaPart & { form: 'lora1' })[]) {
      for (const [at, layer] of [...part.layers].entries()) {
        const { a, b, rank, scale } = adapter.modules.get(moduleKey(layer, part.module))!;
        const taken = takeLora1(a, b, rank, scale)!;
        const share = <T extends Uint8Array | Uint16Array>(all: T) =>
          all.slice((at * all.length) / 2, ((at + 1) * all.length) / 2);
        const scales = share(part.scales);
        // The format keeps a scale's sign; an adapter's is in its signs.
        expect([...taken.scales]).toEqual([...scales].map((bits) => bits & 0x7fff));
        expect([...taken.a]).toEqual([...share(part.a)]);
      }
    }
  });

  test('lora16 comes back from PEFT exactly', async () => {
    const { parts, adapter } = await adapterOf('lora16', [1], order);
    if (adapter.kind !== 'lora') throw new Error('no LoRA');
    for (const part of parts as (DeltaPart & { form: 'lora16' })[]) {
      const { a, b, scale } = adapter.modules.get(moduleKey(1, part.module))!;
      expect(scale).toBe(part.scale);
      expect([...a]).toEqual(Array.from(part.a, fromBfloat));
      expect([...b]).toEqual(Array.from(part.b, fromBfloat));
    }
  });

  test('vec comes back from PEFT as IA3', async () => {
    const { parts, adapter } = await adapterOf('vec', [0, 1], order);
    if (adapter.kind !== 'ia3') throw new Error('no IA3');
    for (const part of parts as (DeltaPart & { form: 'vec' })[]) {
      const { out } = moduleShape(MODEL, part.module);
      for (const [at, layer] of [...part.layers].entries()) {
        const factors = adapter.modules.get(moduleKey(layer, part.module))!;
        for (let i = 0; i < out; i++) expect(factors[i]! - 1).toBeCloseTo(fromHalf(part.v[at * out + i]!), 6);
      }
    }
  });

  test('an adapter has the same effect as the delta it was made of', async () => {
    const { parts, adapter } = await adapterOf('lora1', [0, 1], order);
    if (adapter.kind !== 'lora') throw new Error('no LoRA');
    const next = random(9);
    for (const part of parts) {
      const { out, in: cols } = moduleShape(MODEL, part.module);
      const x = Float32Array.from({ length: cols }, () => next() - 0.5);
      const y = new Float32Array(out);
      applyDelta(part, 1, x, y);
      const { a, b, rank, scale } = adapter.modules.get(moduleKey(1, part.module))!;
      for (let i = 0; i < out; i++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) {
          for (let j = 0; j < cols; j++) sum += scale * b[i * rank + r]! * a[r * cols + j]! * x[j]!;
        }
        expect(y[i]).toBeCloseTo(sum, 4);
      }
    }
  });
});

test('q and k rows of a Hugging Face head go where llama in GGUF has them', () => {
  // Of a head of 6, rows 0 and 3, 1 and 4, 2 and 5 turn together, which GGUF puts side by side.
  const rows = Float32Array.of(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15);
  const turned = reorderRows(rows, 1, 'k', MODEL, 'half', 'interleaved');
  expect([...turned]).toEqual([0, 3, 1, 4, 2, 5, 10, 13, 11, 14, 12, 15]);
  expect([...reorderRows(turned, 1, 'q', MODEL, 'interleaved', 'half')]).toEqual([...rows]);
  expect(reorderRows(rows, 1, 'v', MODEL, 'half', 'interleaved')).toBe(rows);
});

test('layers that a delta leaves out are not targets of its adapter', async () => {
  const { files } = await adapterOf('lora1', [1], 'half');
  const { target_modules: targets } = JSON.parse(files.config);
  expect(targets).toHaveLength(MODULES.length);
  expect(targets[0]).toBe('layers.1.self_attn.q_proj');
  const whole = await adapterOf('lora1', [0, 1], 'half');
  expect(JSON.parse(whole.files.config).target_modules[0]).toBe('q_proj');
});

describe('refused', () => {
  const at = 'base_model.model.model.layers.0.self_attn.q_proj';
  const tensor = (name: string, shape: [number, number], value = 0x3c00) => ({
    name,
    dtype: 'F16' as const,
    shape,
    data: new Uint8Array(new Uint16Array(shape[0] * shape[1]).fill(value).buffer),
  });
  const good = [tensor(`${at}.lora_A.weight`, [2, 16]), tensor(`${at}.lora_B.weight`, [24, 2])];
  const config = { peft_type: 'LORA', r: 2, lora_alpha: 4, base_model_name_or_path: 'whatever/it-says' };
  const failure = async (json: unknown, tensors = good) => {
    const text = typeof json === 'string' ? json : JSON.stringify(json);
    try {
      await readPeft(text, await open(safetensors(tensors)), MODEL, 'half');
      return 'accepted';
    } catch (error) {
      if (error instanceof DeltaError) return error.failure;
      throw error;
    }
  };

  test.each([
    ['nothing where it is sound', config, good, 'accepted'],
    ['a config that is no JSON', '{', good, 'invalid'],
    ['another kind of adapter', { ...config, peft_type: 'PREFIX' }, good, 'invalid'],
    ['DoRA', { ...config, use_dora: true }, good, 'unsupported'],
    ['trained biases', { ...config, bias: 'all' }, good, 'unsupported'],
    [
      'a rank by pattern that is not the factors’',
      { ...config, rank_pattern: { q_proj: 4 } },
      good,
      'wrong-shape',
    ],
    ['a rank by pattern that is none', { ...config, rank_pattern: { v_proj: 0.5 } }, good, 'invalid'],
    ['a pattern that is an expression', { ...config, alpha_pattern: { '.*q_proj': 4 } }, good, 'unsupported'],
    ['a pattern that is a list', { ...config, alpha_pattern: [4] }, good, 'invalid'],
    [
      'a pattern of a very long name',
      { ...config, alpha_pattern: { ['q'.repeat(201)]: 4 } },
      good,
      'unsupported',
    ],
    ['a start that changes the base', { ...config, init_lora_weights: 'pissa_niter_4' }, good, 'unsupported'],
    ['a start that does not', { ...config, init_lora_weights: 'gaussian' }, good, 'accepted'],
    ['words that switch it on', { ...config, alora_invocation_tokens: [1] }, good, 'unsupported'],
    ['layers used twice', { ...config, layer_replication: [[0, 2]] }, good, 'unsupported'],
    ['whole modules beside it', { ...config, modules_to_save: ['lm_head'] }, good, 'unsupported'],
    ['no rank', { ...config, r: 0 }, good, 'invalid'],
    ['an alpha that is no number', { ...config, lora_alpha: '4' }, good, 'invalid'],
    ['one factor alone', config, good.slice(1), 'invalid'],
    ['no tensor', config, [], 'zero-coverage'],
    [
      'a tensor elsewhere',
      config,
      [tensor('base_model.model.lm_head.lora_A.weight', [2, 16])],
      'unknown-module',
    ],
    [
      'a layer that is not there',
      config,
      [tensor(`${at.replace('.0.', '.2.')}.lora_A.weight`, [2, 16])],
      'unknown-module',
    ],
    ['another shape', config, [tensor(`${at}.lora_A.weight`, [2, 15]), good[1]!], 'wrong-shape'],
    [
      'a factor that is not finite',
      config,
      [tensor(`${at}.lora_A.weight`, [2, 16], 0x7c00), good[1]!],
      'non-finite',
    ],
  ])('%s', async (_, json, tensors, expected) => {
    expect(await failure(json, tensors)).toBe(expected);
  });

  test('rslora divides by the root of the rank', async () => {
    const adapter = await readPeft(
      JSON.stringify({ ...config, use_rslora: true }),
      await open(safetensors(good)),
      MODEL,
      'half',
    );
    if (adapter.kind !== 'lora') throw new Error('no LoRA');
    expect(adapter.modules.get('0.q')!.scale).toBeCloseTo(4 / Math.sqrt(2));
  });

  test.each([
    ['a name', { q_proj: 6 }, 3],
    ['the end of a path', { 'layers.0.self_attn.q_proj': 6 }, 3],
    ['a whole path', { '^model.layers.0.self_attn.q_proj': 6 }, 3],
    ['half a name', { proj: 6 }, 2],
    ['a path that is not whole', { '^layers.0.self_attn.q_proj': 6 }, 2],
    ['another layer', { 'layers.1.self_attn.q_proj': 6 }, 2],
    ['the first of two', { 'self_attn.q_proj': 6, q_proj: 8 }, 3],
    ['the first of two, turned round', { q_proj: 8, 'self_attn.q_proj': 6 }, 4],
  ])('an alpha by pattern: %s', async (_, pattern, scale) => {
    const json = JSON.stringify({ ...config, alpha_pattern: pattern });
    const adapter = await readPeft(json, await open(safetensors(good)), MODEL, 'half');
    if (adapter.kind !== 'lora') throw new Error('no LoRA');
    expect(adapter.modules.get('0.q')!.scale).toBe(scale);
  });

  test('a dense delta does not go into an adapter', () => {
    const { manifest, parts } = deltaOf('attn1', [0]);
    expect(() => writePeft(manifest, parts, 'half', 'base')).toThrow(/PEFT has no adapter/);
  });

  test('IA3 on the inputs of down is a factor of the outputs of up; on other inputs it is refused', async () => {
    const ia3 = { peft_type: 'IA3' };
    const down = 'base_model.model.model.layers.1.mlp.down_proj.ia3_l';
    const values = tensor(down, [1, 24], toHalf(1.5));
    const adapter = await readPeft(JSON.stringify(ia3), await open(safetensors([values])), MODEL, 'half');
    if (adapter.kind !== 'ia3') throw new Error('no IA3');
    expect([...adapter.modules.keys()]).toEqual(['1.up']);
    expect(adapter.modules.get('1.up')![3]).toBe(1.5);
    expect(await failure(ia3, [tensor(`${at}.ia3_l`, [1, 16])])).toBe('unsupported');
  });
});

test('a damaged adapter file is a DeltaError and nothing else', async () => {
  const { files } = await adapterOf('lora1', [0], 'half');
  const next = random(2);
  for (let round = 0; round < 2000; round++) {
    const model = Buffer.from(files.model);
    const header = 8 + Number(model.readBigUInt64LE());
    for (let hit = 0; hit <= round % 4; hit++) model[Math.floor(next() * header)] = Math.floor(next() * 256);
    const cut = round % 3 === 0 ? model.subarray(0, Math.floor(next() * model.length)) : model;
    try {
      const file = await open(cut);
      await readPeft(files.config, file, MODEL, 'half');
    } catch (error) {
      expect(error).toBeInstanceOf(DeltaError);
    }
  }
});
