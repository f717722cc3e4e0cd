import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceError } from '../source-error';
import { buildSafetensors } from '../testing/build-safetensors';
import { hfConfigJson, hfTensors, tinyFolder } from '../testing/tiny-folder';
import { tinyMixture } from '../testing/tiny-model';
import { openSafetensors } from './safetensors-model';

const root = mkdtempSync(join(tmpdir(), 'zen-safetensors-mixture-'));
// Files of which each is written and parsed: seconds on a loaded machine.
jest.setTimeout(60_000);
afterAll(() => rmSync(root, { recursive: true }));

const ORIGIN = { name: 'tiny', uri: 'file:///tiny', sha256: '0'.repeat(64) };
let folders = 0;
function open(files: Record<string, Buffer>) {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
  return openSafetensors(folder, ORIGIN);
}
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/** Mixtral's own names and fields for a llama mixture. */
function mixtral() {
  const { config, files } = tinyFolder('llama', tinyMixture);
  const named = (name: string) =>
    name
      .replace('mlp.gate', 'block_sparse_moe.gate')
      .replace(/mlp\.experts\.(\d+)\.gate_proj/, 'block_sparse_moe.experts.$1.w1')
      .replace(/mlp\.experts\.(\d+)\.up_proj/, 'block_sparse_moe.experts.$1.w3')
      .replace(/mlp\.experts\.(\d+)\.down_proj/, 'block_sparse_moe.experts.$1.w2');
  const tensors = Object.entries(hfTensors(config)).map(([name, tensor]) => [named(name), tensor]);
  const fields = {
    ...hfConfigJson(config),
    model_type: 'mixtral',
    num_local_experts: 4,
    num_experts: undefined,
    norm_topk_prob: undefined,
    moe_intermediate_size: undefined,
    sliding_window: null,
  };
  return {
    config,
    fields,
    files: {
      ...files,
      'config.json': json(fields),
      'model.safetensors': buildSafetensors(Object.fromEntries(tensors)),
    },
  };
}

describe('openSafetensors with a mixture of experts', () => {
  it.each(['qwen2', 'qwen3'] as const)('opens a %s mixture', async (architecture) => {
    const { config, files } = tinyFolder(architecture, tinyMixture);
    const model = await open(files);
    expect(model.config).toEqual(config);
    const names = Object.keys(hfTensors(config));
    const at = names.indexOf('model.layers.1.mlp.experts.3.down_proj.weight');
    const down = model.tensors.find(({ name }) => name === 'blk.1.ffn_down.3.weight')!;
    expect(down).toMatchObject({ shape: [32, 64], type: 'BF16' });
    expect(Buffer.from(await down.bytes())).toEqual(Buffer.alloc(32 * 64 * 2, at + 1));
    expect(model.tensors.find(({ name }) => name === 'blk.0.ffn_gate_inp.weight')).toMatchObject({
      type: 'F32',
    });
    await model.close();
  });

  it("opens Mixtral by its own names, and takes the format's default base of the rotation", async () => {
    const { config, fields, files } = mixtral();
    const model = await open(files);
    expect(model.config).toEqual(config);
    const filling = async (part: string) => {
      const tensor = model.tensors.find(({ name }) => name === `blk.0.ffn_${part}.1.weight`)!;
      return (await tensor.bytes())[0];
    };
    // Filled by their place: gate, up, down.
    const first = Object.keys(hfTensors(config)).indexOf('model.layers.0.mlp.experts.1.gate_proj.weight') + 1;
    expect(await Promise.all(['gate', 'up', 'down'].map(filling))).toEqual([first, first + 1, first + 2]);
    await model.close();
    const bare = await open({ ...files, 'config.json': json({ ...fields, rope_theta: undefined }) });
    expect(bare.config.ropeTheta).toBe(1_000_000);
    await bare.close();
  });

  it('does not divide the gates by their sum where nothing is said', async () => {
    const { config, files } = tinyFolder('qwen3', tinyMixture);
    const fields = {
      ...hfConfigJson(config),
      norm_topk_prob: undefined,
      num_experts: undefined,
      num_local_experts: 4,
    };
    const model = await open({ ...files, 'config.json': json(fields) });
    expect(model.config.experts).toEqual({ ...config.experts, normalized: false });
    await model.close();
  });

  it.each<[string, RegExp, Record<string, unknown>]>([
    ['dense layers between', /decoder_sparse_step is 2; usable: 1/, { decoder_sparse_step: 2 }],
    ['dense layers', /mlp_only_layers is \[0\]; usable: \[\]/, { mlp_only_layers: [0] }],
    ['no number of experts', /num_local_experts or num_experts must be a number/, { num_experts: undefined }],
    ['a number as text', /num_experts_per_tok must be a number/, { num_experts_per_tok: '2' }],
    [
      'more for a token than there are',
      /experts\.perToken is 5, must be .* from 1 to 4/,
      { num_experts_per_tok: 5 },
    ],
    ['too many experts', /experts\.count is 2000, must be .* from 2 to 1024/, { num_experts: 2000 }],
    ['half an expert', /experts\.count is 2\.5/, { num_experts: 2.5 }],
    ['a flag that is none', /norm_topk_prob must be true or false/, { norm_topk_prob: 1 }],
    ['no width', /moe_intermediate_size must be a number/, { moe_intermediate_size: undefined }],
    ['no biases', /qkv_bias is false; usable: true/, { qkv_bias: false }],
    [
      'a shared expert of another width',
      /shexp\.weight is \d+ × \d+, must be/,
      { shared_expert_intermediate_size: 64 },
    ],
    ['no shared expert', /shexp\.weight has no place/, { shared_expert_intermediate_size: 0 }],
    ['fewer experts', /blk\.0\.ffn_gate_inp\.weight is 4 × 32, must be 3 × 32/, { num_experts: 3 }],
  ])('refuses %s by name', async (_name, expected, change) => {
    const { config, files } = tinyFolder('qwen2', tinyMixture);
    const opened = () => open({ ...files, 'config.json': json({ ...hfConfigJson(config), ...change }) });
    await expect(opened()).rejects.toThrow(expected);
    await expect(opened()).rejects.toThrow(SourceError);
  });

  it("refuses Mixtral's sliding window and fused experts by name", async () => {
    const { fields, files } = mixtral();
    const windowed = open({ ...files, 'config.json': json({ ...fields, sliding_window: 4096 }) });
    await expect(windowed).rejects.toThrow(/sliding_window is 4096; usable: null/);
    const { config, files: qwen } = tinyFolder('qwen3', tinyMixture);
    const tensors = {
      ...hfTensors(config),
      'model.layers.0.mlp.experts.gate_up_proj': {
        dtype: 'BF16',
        shape: [4, 128, 32],
        data: Buffer.alloc(4 * 128 * 64),
      },
    };
    const fused = open({ ...qwen, 'model.safetensors': buildSafetensors(tensors) });
    await expect(fused).rejects.toThrow(/experts\.gate_up_proj": shape must be one or two/);
  });
});
