import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDelta, safetensors } from '@zen/deltas';
import { loadQuant } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { packedLadder } from '@zen/testing';
import { buildFromFile, type FileBuild } from './build-from-file';

const LONG_MS = 600_000;
const packed = packedLadder();
const withWeights = 'missing' in packed ? test.skip : test;
if ('missing' in packed) console.warn(`skipped: ${packed.missing}`);
const ladder = 'folder' in packed ? packed.folder : '';

const folder = mkdtempSync(join(tmpdir(), 'zen-build-file-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'uploaded.safetensors');

/** A fine-tune of SmolLM2 that changes one tensor, and a LoRA on the same. */
const SHAPE: [number, number] = [192, 576];
const floats = (count: number) =>
  new Uint8Array(Float32Array.from({ length: count }, (_, at) => Math.sin(at) / 10).buffer);
const model = {
  name: 'model.layers.2.self_attn.v_proj.weight',
  dtype: 'F32' as const,
  shape: SHAPE,
  data: floats(192 * 576),
};
const at = 'base_model.model.model.layers.2.self_attn.v_proj';
const lora = [
  {
    name: `${at}.lora_A.weight`,
    dtype: 'F32' as const,
    shape: [4, 576] as [number, number],
    data: floats(4 * 576),
  },
  {
    name: `${at}.lora_B.weight`,
    dtype: 'F32' as const,
    shape: [192, 4] as [number, number],
    data: floats(192 * 4),
  },
];
const config = JSON.stringify({ peft_type: 'LORA', r: 4, lora_alpha: 8 });

const build = (options: Partial<FileBuild>) =>
  buildFromFile({
    quant: loadQuant(),
    ladder,
    file,
    adapterConfig: null,
    recipe: 'lora1',
    rank: 2,
    calibrationTokens: 64,
    progress: () => {},
    signal: new AbortController().signal,
    ...options,
  });

withWeights(
  'an uploaded model, and an uploaded adapter, become deltas of the ladder that they were made for',
  async () => {
    const { config: base } = await openLadder(ladder);
    writeFileSync(file, safetensors([model]));
    const progress: number[] = [];
    const first = await build({ progress: (done, total) => progress.push(done / total) });
    expect(first.manifest.base).toBe(`sha256:${base.source.tensorsSha256}`);
    expect(first.manifest.parts).toEqual({ v: { form: 'lora1', in: 576, layers: [2], out: 192, rank: 2 } });
    expect(progress.at(-1)).toBe(1);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);

    writeFileSync(file, safetensors(lora));
    const adapted = await build({ adapterConfig: config, calibrationTokens: 0 });
    expect(readDelta(adapted.file, { digest: adapted.digest }).manifest.parts.v!.layers).toEqual([2]);
    const whole = await build({ adapterConfig: config, recipe: 'lora16', rank: null, calibrationTokens: 0 });
    expect(whole).toMatchObject({ exact: true, manifest: { parts: { v: { rank: 4, scale: 2 } } } });
  },
  LONG_MS,
);

withWeights(
  'an upload that is no model, and a cancelled build, end with their reason',
  async () => {
    writeFileSync(file, 'not safetensors at all');
    await expect(build({})).rejects.toMatchObject({ name: 'DeltaError' });
    writeFileSync(file, safetensors(lora));
    await expect(build({ adapterConfig: '{"peft_type":"LORA"}' })).rejects.toThrow(
      'adapter_config.r must be',
    );
    await expect(
      build({ signal: AbortSignal.abort(new Error('cancelled')), adapterConfig: config }),
    ).rejects.toThrow('cancelled');
  },
  LONG_MS,
);
