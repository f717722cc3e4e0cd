import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyDelta,
  bytesOf,
  deltaParts,
  multiply,
  RECIPES,
  type Recipe,
  readDelta,
  safetensors,
  TensorFile,
  tensorName,
  writePeft,
} from '@zen/deltas';
import { type DeltaPart, loadQuant } from '@zen/engine';
import { modelTensors, ReferenceModel } from '@zen/ladder';
import { type BuildOptions, buildDelta } from './build-delta';
import { openTuned } from './build-from-file';
import { fileBytes } from './file-bytes';
import { otherChanges } from './other-changes';
import { inOrder, tinyBase, tinyTexts, tinyTuned } from './tiny-tune.fixture';
import { wholeModel } from './tuned';

const quant = loadQuant();
quant.setThreads(1);
const { base, weights } = tinyBase();
const tunedWeights = tinyTuned(weights);
const tuned = wholeModel(base, async (name) => tunedWeights.get(name) ?? null, 'interleaved');

function build(recipe: Recipe, options: Partial<BuildOptions> = {}) {
  return buildDelta({
    quant,
    base,
    tuned,
    recipe,
    modules: null,
    rank: null,
    group: null,
    calibration: tinyTexts(6),
    statistics: 'full',
    progress: () => {},
    signal: new AbortController().signal,
    ...options,
  });
}

/** Mean KL from the fine-tune's answers on texts that nothing was fitted on. */
async function distance(parts: readonly DeltaPart[]): Promise<number> {
  const changed = new Map(weights);
  for (const [name, { shape }] of modelTensors(base.model)) {
    const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1]);
    const part = parts.find(({ module }) => name === tensorName(layer, module));
    if (!part || !weights.has(name)) continue;
    changed.set(name, applied(part, layer, weights.get(name)!, shape));
  }
  const [one, other] = [tunedWeights, changed].map(
    (values) => new ReferenceModel(quant, base.model, async (name) => values.get(name) ?? null),
  ) as [ReferenceModel, ReferenceModel];
  let sum = 0;
  for (const text of tinyTexts(3, 8)) {
    const wanted = await one.logits(await one.forward([text]), 0, text.length);
    const found = await other.logits(await other.forward([text]), 0, text.length);
    const compared = await quant.compareLogits(
      wanted,
      found,
      new Int32Array(text.length).fill(-1),
      base.model.vocabSize,
    );
    for (let at = 0; at < compared.length; at += 4) sum += compared[at]!;
  }
  return sum;
}

/** W with the delta in it, column by column through the scalar reference. */
function applied(
  part: DeltaPart,
  layer: number,
  values: Float32Array,
  [rows, cols]: [number, number],
): Float32Array {
  const result = new Float32Array(values.length);
  for (let j = 0; j < cols; j++) {
    const x = new Float32Array(cols);
    x[j] = 1;
    const y = Float32Array.from({ length: rows }, (_, i) => values[i * cols + j]!);
    applyDelta(part, layer, x, y);
    for (let i = 0; i < rows; i++) result[i * cols + j] = y[i]!;
  }
  return result;
}

test('the native product is that of the scalar reference', async () => {
  const [a, b] = [weights.get('blk.0.attn_q.weight')!, weights.get('blk.0.ffn_gate.weight')!];
  const [found, wanted] = [await quant.multiply(a, b, 64, 64, 96), await multiply(a, b, 64, 64, 96)];
  for (const [at, value] of wanted.entries()) expect(found[at]).toBeCloseTo(value, 4);
  expect(() => quant.multiply(a, b.subarray(1), 64, 64, 96)).toThrow(/b/);
});

describe.each(RECIPES)('%s', (recipe) => {
  test('brings the base nearer to the fine-tune, on texts that it was not fitted on', async () => {
    const { file, digest, exact } = await build(recipe);
    const read = readDelta(file, { digest });
    expect(read.manifest.base).toBe(base.digest);
    expect(exact).toBe(false);
    const [before, after] = [await distance([]), await distance(deltaParts(read.manifest, read.data))];
    // What a factor of each row can do is little, for a change that is no such factor.
    expect(after).toBeLessThan(
      before * { dense1: 0.5, attn1: 0.95, lora1: 0.5, vec: 1, lora16: 0.05 }[recipe],
    );
  });

  test('the same input gives the same bytes', async () => {
    const [one, other] = [await build(recipe), await build(recipe)];
    expect(one.file.equals(other.file)).toBe(true);
  });
});

test('rows in Hugging Face order give the very same delta', async () => {
  const turned = inOrder(tunedWeights, 'half');
  const same = wholeModel(base, async (name) => turned.get(name) ?? null, 'half');
  expect((await build('dense1', { tuned: same })).digest).toBe((await build('dense1')).digest);
  const wrong = wholeModel(base, async (name) => turned.get(name) ?? null, 'interleaved');
  expect((await build('dense1', { tuned: wrong })).digest).not.toBe((await build('dense1')).digest);
});

test('layers that did not change are left out, and a fine-tune that changes nothing is refused', async () => {
  const some = tinyTuned(weights, [1]);
  const { manifest } = await build('dense1', {
    tuned: wholeModel(base, async (name) => some.get(name) ?? null, 'interleaved'),
  });
  for (const part of Object.values(manifest.parts)) expect(part.layers).toEqual([1]);
  const none = wholeModel(base, base.read, 'interleaved');
  await expect(build('dense1', { tuned: none })).rejects.toMatchObject({ failure: 'zero-coverage' });
});

test('what no delta holds is named', async () => {
  expect(await otherChanges(base, tuned, new AbortController().signal)).toEqual([]);
  const norm = weights.get('blk.1.ffn_norm.weight')!.map((value) => 1.01 * value);
  const other = wholeModel(
    base,
    async (name) => (name === 'blk.1.ffn_norm.weight' ? norm : null),
    'interleaved',
  );
  const [change] = await otherChanges(base, other, new AbortController().signal);
  expect(change!.name).toBe('blk.1.ffn_norm.weight');
  expect(change!.change).toBeCloseTo(0.01, 4);
});

test('a PEFT adapter that was made of a delta gives that delta again', async () => {
  for (const recipe of ['lora1', 'lora16', 'vec'] as const) {
    const built = await build(recipe, { rank: recipe === 'vec' ? null : 3 });
    const { manifest, data } = readDelta(built.file);
    const files = writePeft(manifest, deltaParts(manifest, data), 'interleaved', 'x');
    const again = await openTuned(quant, base, await TensorFile.open(bytesOf(files.model)), files.config);
    const taken = await build(recipe, { tuned: again, rank: null });
    expect(taken.exact).toBe(true);
    // 1 + v is rounded in an adapter where v is tiny.
    if (recipe !== 'vec') expect(taken.digest).toBe(built.digest);
    const fitted = await build('lora1', { tuned: again, rank: 5 });
    expect(fitted.exact).toBe(false);
  }
});

test('a safetensors file with Hugging Face names and part of the tensors is a fine-tune too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'zen-delta-build-'));
  try {
    const name = tensorName(1, 'k');
    const values = inOrder(tunedWeights, 'half').get(name)!;
    const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const hf = {
      name: 'model.layers.1.self_attn.k_proj.weight',
      dtype: 'F32' as const,
      shape: [32, 64] as [number, number],
    };
    await writeFile(join(folder, 'tuned.safetensors'), safetensors([{ ...hf, data }]));
    const bytes = await fileBytes(join(folder, 'tuned.safetensors'));
    const part = await openTuned(quant, base, await TensorFile.open(bytes), null);
    const { manifest, file } = await build('attn1', { tuned: part });
    await bytes.close();
    expect(Object.keys(manifest.parts)).toEqual(['k']);
    expect(manifest.parts.k!.layers).toEqual([1]);
    const whole = readDelta((await build('attn1', { modules: ['k'] })).file);
    const [one, other] = [readDelta(file), whole].map(({ manifest: m, data: d }) => deltaParts(m, d)[0]!) as [
      DeltaPart,
      DeltaPart,
    ];
    if (one.form !== 'dense1' || other.form !== 'dense1') throw new Error('no dense1');
    expect([...one.signs]).toEqual([...other.signs.subarray(other.signs.length / 2)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('stops where it is told to', async () => {
  const stop = new AbortController();
  const layers: number[] = [];
  const progress = (done: number) => {
    layers.push(done);
    if (done === 1) stop.abort(new Error('enough'));
  };
  await expect(build('dense1', { signal: stop.signal, progress })).rejects.toThrow('enough');
  expect(layers).toEqual([0, 1]);
});

test.each([
  ['a module of another recipe', { recipe: 'attn1', modules: ['up'] }, 'unknown-module'],
  ['a rank above the most', { recipe: 'lora1', rank: 65 }, 'invalid'],
  ['groups that do not divide a row', { recipe: 'dense1', group: 48 }, 'wrong-shape'],
] as [string, Partial<BuildOptions> & { recipe: Recipe }, string][])(
  '%s is refused',
  async (_, options, failure) => {
    await expect(build(options.recipe, options)).rejects.toMatchObject({ failure });
  },
);

test('a fine-tune of another shape, or with weights that are not finite, is refused', async () => {
  const name = tensorName(0, 'q');
  const replaced = (values: Float32Array) =>
    wholeModel(base, async (each) => (each === name ? values : null), 'interleaved');
  const short = tunedWeights.get(name)!.slice(64);
  await expect(build('dense1', { tuned: replaced(short) })).rejects.toMatchObject({ failure: 'wrong-shape' });
  const infinite = tunedWeights.get(name)!.slice();
  infinite[7] = Number.POSITIVE_INFINITY;
  await expect(build('dense1', { tuned: replaced(infinite) })).rejects.toMatchObject({
    failure: 'non-finite',
  });
});
