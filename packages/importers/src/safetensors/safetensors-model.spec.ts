import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelConfig } from '@zen/ladder';
import { openSource } from '../open-source';
import { SourceError } from '../source-error';
import { buildSafetensors } from '../testing/build-safetensors';
import { hfConfigJson, hfTensors, tinyFolder } from '../testing/tiny-folder';
import { neededTensors, smallTokenizer, tinyConfig } from '../testing/tiny-model';
import { openSafetensors } from './safetensors-model';

const root = mkdtempSync(join(tmpdir(), 'zen-safetensors-'));
afterAll(() => rmSync(root, { recursive: true }));

const ORIGIN = { name: 'tiny', uri: 'file:///tiny', sha256: '0'.repeat(64) };
/** A folder in the Hugging Face format; undefined removes a file. */
function write(name: string, files: Record<string, unknown>): string {
  const folder = join(root, name);
  mkdirSync(folder);
  for (const [file, content] of Object.entries(files)) {
    if (content === undefined) continue;
    writeFileSync(join(folder, file), content instanceof Uint8Array ? content : JSON.stringify(content));
  }
  return folder;
}

function tiny(architecture: ModelConfig['architecture']) {
  const { config, files } = tinyFolder(architecture);
  return { config, files: files as Record<string, unknown> };
}

describe('openSafetensors', () => {
  it.each(['llama', 'qwen2', 'qwen3'] as const)(
    'opens a %s folder through openSource',
    async (architecture) => {
      const { config, files } = tiny(architecture);
      const folder = write(`good-${architecture}`, files);
      const model = await openSource(folder, { home: root });
      expect(model.config).toEqual(config);
      expect(model.tensors.map((tensor) => tensor.name).sort()).toEqual(
        [...neededTensors(config).keys()].sort(),
      );
      const index = [...neededTensors(config).keys()].indexOf('blk.1.ffn_up.weight');
      const up = model.tensors.find((tensor) => tensor.name === 'blk.1.ffn_up.weight')!;
      expect(up).toMatchObject({ shape: [64, 32], type: 'BF16' });
      expect(Buffer.from(await up.bytes())).toEqual(Buffer.alloc(64 * 32 * 2, index + 1));
      expect(model.tokenizer).toMatchObject({
        bosId: 1,
        eosId: 2,
        endIds: [2, 0],
        addBos: false,
        chatTemplate: 'T',
      });
      await model.close();
      const again = await openSource(join(folder, 'model.safetensors'), { home: root });
      expect(again.sha256).toBe(model.sha256);
      await again.close();
    },
  );

  it('opens shards by their index', async () => {
    const { config, files } = tiny('llama');
    const entries = Object.entries(hfTensors(config));
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const halves = [entries.slice(0, 5), entries.slice(5)];
    const folder = write('sharded', {
      ...files,
      'model.safetensors': undefined,
      [shards[0]!]: buildSafetensors(Object.fromEntries(halves[0]!)),
      [shards[1]!]: buildSafetensors(Object.fromEntries(halves[1]!)),
      'model.safetensors.index.json': {
        weight_map: Object.fromEntries(halves.flatMap((half, i) => half.map(([name]) => [name, shards[i]]))),
      },
    });
    const model = await openSource(folder, { home: root });
    expect(model.tensors).toHaveLength(entries.length);
    await model.close();
  });

  it('leaves a repeated head of tied embeddings out', async () => {
    const { config, files } = tiny('llama');
    const tensors = {
      ...hfTensors(config),
      'lm_head.weight': { dtype: 'BF16', shape: [514, 32], data: Buffer.alloc(514 * 64) },
    };
    const folder = write('repeated', { ...files, 'model.safetensors': buildSafetensors(tensors) });
    const model = await openSafetensors(folder, ORIGIN);
    expect(model.tensors.some((tensor) => tensor.name === 'output.weight')).toBe(false);
    await model.close();
  });

  it('reads BOS from the post-processor and the template from its own file', async () => {
    const { files } = tiny('llama');
    const processor = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<|im_start|>', type_id: 0 } }],
    };
    const folder = write('bos', {
      ...files,
      'tokenizer.json': {
        ...smallTokenizer(),
        post_processor: { type: 'Sequence', processors: [processor] },
      },
      'chat_template.jinja': Buffer.from('{{ 1 }}'),
    });
    const model = await openSafetensors(folder, ORIGIN);
    expect(model.tokenizer).toMatchObject({ addBos: true, chatTemplate: '{{ 1 }}' });
    await model.close();
  });

  const q = 'model.layers.0.self_attn.q_proj.weight';
  it.each<[string, RegExp, (header: Record<string, Record<string, unknown>>) => void]>([
    ['an integer tensor', /q_proj\.weight is I64; usable/, (h) => (h[q]!.dtype = 'I64')],
    ['a type named like a property', /is toString/, (h) => (h[q]!.dtype = 'toString')],
    ['a wrong size', /data_offsets span 2048 bytes, must be 1024/, (h) => (h[q]!.shape = [16, 32])],
    ['three dimensions', /shape must be one or two/, (h) => (h[q]!.shape = [2, 16, 32])],
    ['a negative shape', /shape must be one or two/, (h) => (h[q]!.shape = [-32, -32])],
    ['a gap', /begins at \d+, must begin at/, (h) => delete h[q]],
    ['an overlap', /must begin at/, (h) => (h[q]!.data_offsets = [0, 2048])],
    ['offsets that are no numbers', /data_offsets must be two/, (h) => (h[q]!.data_offsets = ['0', '2048'])],
    [
      'a foreign tensor',
      /tensor model\.x\.weight has no place/,
      (h) => Object.assign(h, { 'model.x.weight': h[q] }) && delete h[q],
    ],
    ['a name with a slash', /a name has 1 to 200/, (h) => Object.assign(h, { '../x': h[q] }) && delete h[q]],
  ])('refuses %s by name', async (name, expected, change) => {
    const { config, files } = tiny('llama');
    const folder = write(`bad-${name}`, {
      ...files,
      'model.safetensors': buildSafetensors(hfTensors(config), change),
    });
    await expect(openSafetensors(folder, ORIGIN)).rejects.toThrow(expected);
    await expect(openSafetensors(folder, ORIGIN)).rejects.toThrow(SourceError);
  });

  it.each<[string, RegExp, Record<string, unknown>]>([
    ['another model type', /model_type is "bert"/, { model_type: 'bert' }],
    ['another activation', /hidden_act is "gelu"/, { hidden_act: 'gelu' }],
    ['scaled rotation', /rope_scaling is "llama3"/, { rope_scaling: { rope_type: 'llama3' } }],
    ['quantized weights', /quantization_config/, { quantization_config: {} }],
    ['a size as text', /hidden_size must be a number/, { hidden_size: '32' }],
    ['half a head', /headSize is 8\.5/, { head_dim: 8.5 }],
  ])('refuses a config.json with %s by name', async (name, expected, change) => {
    const { config, files } = tiny('llama');
    const folder = write(`config-${name}`, {
      ...files,
      'config.json': { ...hfConfigJson(config), ...change },
    });
    await expect(openSafetensors(folder, ORIGIN)).rejects.toThrow(expected);
  });

  it.each([
    ['../../secret', /"\.\.\/\.\.\/secret" is not the name of a shard/],
    ['/etc/passwd', /is not the name of a shard/],
    [7, /7 is not the name of a shard/],
  ])('opens nothing but shards: %p', async (shard, expected) => {
    const { files } = tiny('llama');
    const folder = write(`index-${String(shard).replaceAll('/', '_')}`, {
      ...files,
      'model.safetensors.index.json': { weight_map: { x: shard } },
    });
    await expect(openSafetensors(folder, ORIGIN)).rejects.toThrow(expected);
  });

  it('refuses header lengths beyond the file and headers that are no JSON', async () => {
    const { files } = tiny('llama');
    const good = files['model.safetensors'] as Buffer;
    const long = Buffer.from(good);
    long.writeBigUInt64LE(2n ** 60n);
    const garbled = Buffer.from(good);
    garbled[20] = 0xff;
    for (const [name, bytes, expected] of [
      ['long', long, /header length is 1152921504606846976/],
      ['garbled', garbled, /header is not JSON/],
      ['cut', good.subarray(0, good.length - 1), /the tensors end at/],
      ['empty', Buffer.alloc(0), /0 bytes are too few/],
    ] as const) {
      const folder = write(`header-${name}`, { ...files, 'model.safetensors': bytes });
      await expect(openSafetensors(folder, ORIGIN)).rejects.toThrow(expected);
    }
  });

  it('refuses more tokenizer ids than embeddings', async () => {
    const config = tinyConfig('llama', 500);
    const { files } = tiny('llama');
    const folder = write('vocabulary', {
      ...files,
      'config.json': hfConfigJson(config),
      'model.safetensors': buildSafetensors(hfTensors(config)),
    });
    await expect(openSource(folder, { home: root })).rejects.toThrow(
      'the tokenizer has 514 ids, the embeddings 500 rows',
    );
  });
});
