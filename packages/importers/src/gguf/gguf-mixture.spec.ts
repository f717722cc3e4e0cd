import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceError } from '../source-error';
import { buildGguf } from '../testing/build-gguf';
import { stackedTensors, tinyMetadata, tinyMixture, tinyTensors } from '../testing/tiny-model';
import { openGguf } from './gguf-model';

const folder = mkdtempSync(join(tmpdir(), 'zen-gguf-mixture-'));
// Files of which each is written and parsed: seconds on a loaded machine.
jest.setTimeout(60_000);
afterAll(() => rmSync(folder, { recursive: true }));

function open(bytes: Buffer) {
  const path = join(folder, 'model.gguf');
  writeFileSync(path, bytes);
  return openGguf(path, { name: 'tiny', uri: 'file:///tiny.gguf', sha256: '0'.repeat(64) });
}

type Metadata = ReturnType<typeof tinyMetadata>;
type Tensors = ReturnType<typeof tinyTensors>;
const named = (tensors: Tensors, name: string) => tensors.find((tensor) => tensor.name === name)!;

async function changed(change: (metadata: Metadata, tensors: Tensors) => unknown) {
  const config = tinyMixture('llama', 514);
  const metadata = tinyMetadata(config);
  const tensors = stackedTensors(config);
  change(metadata, tensors);
  return open(buildGguf(metadata, tensors));
}

describe('openGguf with a mixture of experts', () => {
  it.each(['llama', 'qwen2', 'qwen3'] as const)(
    "splits what %s's experts have stacked",
    async (architecture) => {
      const config = tinyMixture(architecture, 514);
      const model = await open(buildGguf(tinyMetadata(config), stackedTensors(config)));
      expect(model.config).toEqual(config);
      for (const expert of [0, 3]) {
        const down = model.tensors.find(({ name }) => name === `blk.1.ffn_down.${expert}.weight`)!;
        expect(down).toMatchObject({ shape: [32, 64], type: 'Q8_0' });
        expect(Buffer.from(await down.bytes())).toEqual(Buffer.alloc((32 * 64 * 34) / 32, expert + 1));
      }
      await model.close();
    },
  );

  it('takes experts that are tensors of their own, as older files have them', async () => {
    const config = tinyMixture('llama', 514);
    const model = await open(buildGguf(tinyMetadata(config), tinyTensors(config)));
    expect(model.config).toEqual(config);
    await model.close();
  });

  it('takes the width of all active experts, and the gates by the file where it says so', async () => {
    const model = await changed((m) => {
      delete m['llama.expert_feed_forward_length'];
      m['llama.expert_weights_norm'] = false;
    });
    expect(model.config.ffnSize).toBe(64);
    expect(model.config.experts?.normalized).toBe(false);
    await model.close();
    const config = tinyMixture('qwen3', 514);
    const metadata = { ...tinyMetadata(config), 'qwen3moe.feed_forward_length': 128 };
    delete (metadata as Metadata)['qwen3moe.expert_feed_forward_length'];
    const qwen = await open(buildGguf(metadata, stackedTensors(config)));
    expect(qwen.config).toEqual(config);
    await qwen.close();
  });

  it.each(['F16', 'BF16'] as const)('gives a router of %s as float32', async (type) => {
    const model = await changed((_m, tensors) => {
      const bits = { F16: 0x3e00, BF16: 0x3fc0 }[type];
      const data = Buffer.from(new Uint16Array(4 * 32).fill(bits).buffer);
      Object.assign(named(tensors, 'blk.0.ffn_gate_inp.weight'), { type, data });
    });
    const router = model.tensors.find(({ name }) => name === 'blk.0.ffn_gate_inp.weight')!;
    expect(router).toMatchObject({ type: 'F32', shape: [4, 32] });
    const bytes = await router.bytes();
    expect([...new Set(new Float32Array(bytes.buffer))]).toEqual([1.5]);
    await model.close();
  });

  it.each<[string, RegExp, (metadata: Metadata, tensors: Tensors) => unknown]>([
    [
      'a dense architecture',
      /qwen2\.expert_count is 4; qwen2 has no experts/,
      (m) =>
        Object.assign(m, {
          ...Object.fromEntries(
            Object.entries(m).map(([key, value]) => [key.replace('llama.', 'qwen2.'), value]),
          ),
          'general.architecture': 'qwen2',
        }),
    ],
    [
      'one expert',
      /experts\.count is 1, must be a whole number from 2 to 1024/,
      (m, t) => {
        m['llama.expert_count'] = 1;
        for (const tensor of t)
          if (tensor.shape.length === 3) Object.assign(tensor, { shape: tensor.shape.slice(1) });
      },
    ],
    [
      'none of the experts used',
      /experts\.perToken is 0, must be .* from 1 to 4/,
      (m) => delete m['llama.expert_used_count'],
    ],
    ['more used than there are', /experts\.perToken is 5/, (m) => (m['llama.expert_used_count'] = 5)],
    ['sigmoid gates', /expert_gating_func is 2; usable: 1/, (m) => (m['llama.expert_gating_func'] = 2)],
    [
      'scaled gates',
      /expert_weights_scale is 2.5; usable: 0, 1/,
      (m) => (m['llama.expert_weights_scale'] = { f32: 2.5 }),
    ],
    ['groups of experts', /expert_group_count is 4/, (m) => (m['llama.expert_group_count'] = 4)],
    [
      'dense layers first',
      /leading_dense_block_count is 1/,
      (m) => (m['llama.leading_dense_block_count'] = 1),
    ],
    [
      'dense layers between',
      /interleave_moe_layer_step is 2/,
      (m) => (m['llama.interleave_moe_layer_step'] = 2),
    ],
    [
      'a dense layer',
      /tensor blk\.1\.ffn_up\.weight has no place in a llama mixture of experts/,
      (_m, t) =>
        Object.assign(named(t, 'blk.1.ffn_up_exps.weight'), { name: 'blk.1.ffn_up.weight', shape: [64, 32] }),
    ],
    [
      'biases',
      /tensor blk\.0\.ffn_gate_exps\.bias has no place/,
      (_m, t) => t.push({ name: 'blk.0.ffn_gate_exps.bias', shape: [4, 64] }),
    ],
    [
      'a correction of the choice',
      /tensor blk\.0\.exp_probs_b\.bias has no place/,
      (_m, t) => t.push({ name: 'blk.0.exp_probs_b.bias', shape: [4] }),
    ],
    [
      'an ungated shared expert',
      /tensor blk\.0\.ffn_gate_inp_shexp\.weight is missing/,
      (_m, t) => {
        for (const layer of [0, 1]) {
          for (const part of ['gate', 'up'])
            t.push({ name: `blk.${layer}.ffn_${part}_shexp.weight`, shape: [64, 32] });
          t.push({ name: `blk.${layer}.ffn_down_shexp.weight`, shape: [32, 64] });
        }
      },
    ],
    [
      'experts missing in a stack',
      /tensor blk\.0\.ffn_up_exps\.weight has 3 experts, must have 4/,
      (_m, t) => Object.assign(named(t, 'blk.0.ffn_up_exps.weight'), { shape: [3, 64, 32] }),
    ],
    [
      'too many in a stack',
      /2000 experts, must be 1 to 1024/,
      (_m, t) => Object.assign(named(t, 'blk.0.ffn_up_exps.weight'), { shape: [2000, 64, 32] }),
    ],
    [
      'a stack beyond the file',
      /"blk\.1\.ffn_down_exps\.weight": ends at/,
      (_m, t) => Object.assign(named(t, 'blk.1.ffn_down_exps.weight'), { shape: [1000, 32, 64] }),
    ],
    [
      'an expert twice',
      /tensor blk\.0\.ffn_up\.2\.weight/,
      (_m, t) => t.push({ name: 'blk.0.ffn_up.2.weight', shape: [64, 32] }),
    ],
    [
      'four dimensions',
      /4 dimensions, at most 3/,
      (_m, t) => Object.assign(named(t, 'blk.0.ffn_up_exps.weight'), { shape: [2, 2, 64, 32] }),
    ],
  ])('refuses %s by name', async (_name, expected, change) => {
    await expect(changed(change)).rejects.toThrow(expected);
    await expect(changed(change)).rejects.toThrow(SourceError);
  });

  it('refuses a mixture without a number of experts', async () => {
    const config = tinyMixture('qwen3', 514);
    const metadata = tinyMetadata(config);
    delete metadata['qwen3moe.expert_count'];
    const opened = open(buildGguf(metadata, stackedTensors(config)));
    await expect(opened).rejects.toThrow(/experts\.count is 0, must be a whole number from 2/);
  });
});
