import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Module, moduleShape, safetensors } from '@zen/deltas';
import { packedLadder, TYPESCRIPT_RUNNER, writeSampleLadder } from '@zen/testing';

const RANK = 2;
const SMOLLM2 = { layers: 30, hidden: 576, ffn: 1536, heads: 9, kvHeads: 3, headSize: 64 };
const MAIN = join(__dirname, '..', 'main.ts');
const LONG_MS = 600_000;
const packed = packedLadder();
const withWeights = 'missing' in packed ? test.skip : test;
if ('missing' in packed) console.warn(`skipped: ${packed.missing}`);
const LADDER = 'folder' in packed ? packed.folder : '';

const folder = mkdtempSync(join(tmpdir(), 'zen-delta-files-'));
const peft = join(folder, 'peft');
const delta = join(folder, 'a.delta');
afterAll(() => rmSync(folder, { recursive: true }));

function zen(...args: string[]) {
  const argv = ['-r', TYPESCRIPT_RUNNER, MAIN, 'delta', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

function zenJson(...args: string[]) {
  const { code, stdout, stderr } = zen(...args, '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** An adapter of signs times sizes on q, v and o of SmolLM2, large enough to be seen in its answers. */
function writeAdapter(): void {
  mkdirSync(peft, { recursive: true });
  let state = 1;
  const sign = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 31;
  };
  const values = (count: number, size: number) =>
    new Uint8Array(Float32Array.from({ length: count }, () => (sign() ? size : -size)).buffer);
  const tensors = (['q', 'v', 'o'] as Module[]).flatMap((module) =>
    Array.from({ length: SMOLLM2.layers }, (_, layer) => {
      const { out, in: cols } = moduleShape(SMOLLM2, module);
      const at = `base_model.model.model.layers.${layer}.self_attn.${module}_proj`;
      return [
        {
          name: `${at}.lora_A.weight`,
          dtype: 'F32' as const,
          shape: [RANK, cols] as [number, number],
          data: values(RANK * cols, 1),
        },
        {
          name: `${at}.lora_B.weight`,
          dtype: 'F32' as const,
          shape: [out, RANK] as [number, number],
          data: values(out * RANK, 2 ** -6),
        },
      ];
    }).flat(),
  );
  writeFileSync(join(peft, 'adapter_model.safetensors'), safetensors(tensors));
  const config = {
    peft_type: 'LORA',
    r: RANK,
    lora_alpha: RANK,
    target_modules: ['q_proj', 'v_proj', 'o_proj'],
  };
  writeFileSync(join(peft, 'adapter_config.json'), JSON.stringify(config));
}

withWeights(
  'an adapter of signs becomes a delta, is verified, and comes back out of PEFT as the very same',
  () => {
    writeAdapter();
    const built = zenJson('build', LADDER, peft, '--recipe', 'lora1', '--out', delta);
    expect(built.exact).toBe(true);
    expect(built.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const inspected = zenJson('inspect', delta);
    expect(inspected.digest).toBe(built.digest);
    expect(Object.keys(inspected.manifest.parts)).toEqual(['o', 'q', 'v']);
    expect(zenJson('verify', delta, '--base', LADDER, '--digest', built.digest).ok).toBe(true);

    const back = join(folder, 'back');
    zenJson('export', delta, '--base', LADDER, '--peft', back);
    const again = zenJson('build', LADDER, back, '--recipe', 'lora1', '--out', join(folder, 'b.delta'));
    expect(again).toMatchObject({ exact: true, digest: built.digest });
  },
  LONG_MS,
);

withWeights(
  'the engine with the delta answers as the base with the adapter does, in float32',
  () => {
    const text = join(folder, 'text.txt');
    writeFileSync(
      text,
      'The keeper of the light climbs the stairs every evening and looks at the sea. '.repeat(4),
    );
    const report = zenJson('quality', LADDER, delta, '--tuned', peft, '--text', text, '--general', '0');
    const { perplexity, sameTop } = report.text;
    // The adapter is noise, so it does harm; what counts is that both do the same.
    expect(Math.abs(Math.log(perplexity.tuned / perplexity.base))).toBeGreaterThan(0.02);
    expect(Math.abs(report.retention - 1)).toBeLessThan(0.2);
    expect(sameTop.deltaTuned).toBeGreaterThan(sameTop.baseTuned);
    expect(report.general).toBeNull();
  },
  LONG_MS,
);

withWeights(
  'damage and another base are refused by name',
  () => {
    const bytes = readFileSync(delta);
    bytes[bytes.length - 9]! ^= 4;
    const damaged = join(folder, 'damaged.delta');
    writeFileSync(damaged, bytes);
    const found = zen('verify', damaged);
    expect(found.code).toBe(3);
    expect(found.stderr).toContain('data.sha256');
    expect(zen('verify', delta, '--digest', `sha256:${'0'.repeat(64)}`).code).toBe(3);

    const other = writeSampleLadder(join(folder, 'other'));
    const wrong = zen('verify', delta, '--base', other.folder);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('was made for base sha256:');
    expect(zen('export', delta, '--base', other.folder, '--peft', join(folder, 'no')).code).toBe(1);
  },
  LONG_MS,
);

withWeights(
  'one tensor of a fine-tuned model is enough for a delta; none of this model is refused',
  () => {
    const shape: [number, number] = [192, 576];
    const noise = Float32Array.from({ length: shape[0] * shape[1] }, (_, at) => Math.sin(at) / 10);
    const file = join(folder, 'one.safetensors');
    const write = (name: string) =>
      writeFileSync(file, safetensors([{ name, dtype: 'F32', shape, data: new Uint8Array(noise.buffer) }]));
    write('model.layers.7.self_attn.v_proj.weight');
    const out = join(folder, 'one.delta');
    const options = ['--recipe', 'dense1', '--group', '64', '--statistics', 'none', '--out', out];
    const built = zenJson('build', LADDER, file, ...options);
    expect(Object.keys(built.kept)).toEqual(['v']);
    expect(zenJson('inspect', out).manifest.parts.v).toMatchObject({ layers: [7], group: 64 });
    write('something.else');
    const refused = zen('build', LADDER, file, ...options);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('model.layers.N');
  },
  LONG_MS,
);
