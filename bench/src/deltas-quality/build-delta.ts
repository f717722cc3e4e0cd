import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildFromFile } from '@zen/delta-build';
import { ATTENTION, type DeltaManifest, deltaParts, readDelta, toHalf, writeDelta } from '@zen/deltas';
import { type DeltaPart, loadQuant } from '@zen/engine';
import { ladderOf, SUBJECTS } from '../subjects';
import type { Candidate } from './candidates';
import { train, type Workshop } from './trainings';

const CALIBRATION_TOKENS = 1024;

/** Makes a candidate's delta file, or finds it where it was made before. `tuned`: folder of the full fine-tune. */
export async function buildDelta(shop: Workshop, candidate: Candidate, tuned: string): Promise<string> {
  const { text, recipe, modules, rank, how, steps } = candidate;
  if (how !== 'trained') {
    if (recipe === 'attn1') return attention(await build(shop, 'dense1', tuned, 'model.safetensors', null));
    const start = await build(shop, recipe, tuned, 'model.safetensors', null);
    return how === 'distilled' ? distil(shop, candidate, tuned, start) : start;
  }
  const options = ['--modules', modules, '--steps', String(steps)];
  if (rank > 0) options.push('--rank', String(rank));
  const begun = recipe === 'lora1' ? ['--tuned', join(tuned, 'trained.safetensors')] : [];
  const adapter = await train(shop, text, recipe, [...options, ...begun]);
  return build(shop, recipe, adapter, 'adapter_model.safetensors', 'adapter_config.json');
}

async function build(
  shop: Workshop,
  recipe: Candidate['recipe'],
  folder: string,
  file: string,
  config: string | null,
): Promise<string> {
  const path = join(folder, `${recipe}.delta`);
  if (existsSync(path)) return path;
  shop.progress(`building ${path}`);
  const built = await buildFromFile({
    quant: loadQuant(),
    ladder: ladderOf(SUBJECTS[0]!),
    file: join(folder, file),
    adapterConfig: config === null ? null : await readFile(join(folder, config), 'utf8'),
    recipe,
    rank: null,
    calibrationTokens: config === null ? CALIBRATION_TOKENS : 0,
    progress: (done, total) => shop.progress(`layer ${done} of ${total}`),
    signal: shop.signal,
  });
  if (config !== null && !built.exact) throw new Error(`${path} was fitted, not taken over`);
  await writeFile(path, built.file);
  return path;
}

/** The attention's parts of a dense delta: modules are fitted one by one, so these are what attn1 would have. */
async function attention(dense: string): Promise<string> {
  const path = join(dirname(dense), 'attn1.delta');
  const { manifest, data } = readDelta(await readFile(dense));
  const parts = deltaParts(manifest, data).filter(({ module }) => ATTENTION.includes(module));
  await writeFile(path, writeDelta({ ...contentOf(manifest, parts), recipe: 'attn1' }).file);
  return path;
}

/** The same signs with scales that were trained on the full fine-tune's logits. */
async function distil(
  shop: Workshop,
  { text, recipe, steps }: Candidate,
  tuned: string,
  start: string,
): Promise<string> {
  const teacher = ['--on', 'logits', '--tuned', join(tuned, 'trained.safetensors')];
  const options = ['--start', start, '--steps', String(steps), ...teacher];
  const folder = await train(shop, text, 'dense1', options);
  const path = join(folder, `${recipe}.delta`);
  if (existsSync(path)) return path;
  const { manifest, data } = readDelta(await readFile(start));
  const trained = floatsOf(await readFile(join(folder, 'trained.safetensors')));
  const parts: DeltaPart[] = [];
  for (const part of deltaParts(manifest, data)) {
    if (part.form !== 'dense1') throw new Error(`${start} is no dense delta`);
    if (part.layers.length !== manifest.model.layers) throw new Error(`${start} leaves layers out`);
    parts.push({ ...part, scales: Uint16Array.from(trained(`${part.module}.scales`), toHalf) });
  }
  await writeFile(path, writeDelta(contentOf(manifest, parts)).file);
  return path;
}

/** The float32 tensors of a file that `train.py` wrote: its signs are int8, which adapters and models never are. */
function floatsOf(file: Buffer): (name: string) => Float32Array {
  const data = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, data));
  return (name) => {
    const { dtype, data_offsets: offsets } = header[name];
    if (dtype !== 'F32') throw new Error(`${name} is ${dtype}`);
    return new Float32Array(Uint8Array.from(file.subarray(data + offsets[0], data + offsets[1])).buffer);
  };
}

const contentOf = ({ base, recipe, model }: DeltaManifest, parts: DeltaPart[]) => ({
  base,
  recipe,
  model,
  parts,
});
