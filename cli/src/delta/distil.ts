import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildBase, BuiltDelta, Tuned } from '@zen/delta-build';
import { DeltaError, deltaParts, MODULES, toHalf, writeDelta } from '@zen/deltas';
import type { DeltaPart } from '@zen/engine';
import { modelTensors } from '@zen/ladder';
import { runLines, scriptFolder, trainingPython } from '@zen/training';
import type { Context } from '../context';
import type { ScoredText } from './quality-texts';

/** Trains the scales of a dense1 or attn1 delta on the fine-tuned model's answers; signs stay, and so does the form. */
export async function distil(
  context: Context,
  base: BuildBase,
  tuned: Tuned,
  { manifest, file }: BuiltDelta,
  chats: readonly ScoredText[],
  steps: number,
): Promise<Pick<BuiltDelta, 'file' | 'digest' | 'manifest'>> {
  if (manifest.recipe !== 'dense1' && manifest.recipe !== 'attn1') {
    throw new DeltaError('unsupported', `--distil trains dense1 and attn1, not ${manifest.recipe}`);
  }
  const { home, output, signal } = context;
  output.progress('preparing', 0, 1);
  const python = await trainingPython('finetune', home, signal);
  const folder = await mkdtemp(join(home, 'distil-'));
  try {
    const tensors = await writeWeights(folder, base, tuned, signal);
    await writeFile(join(folder, 'start.delta'), file);
    const jobChats = chats.map(({ tokens, answerAt }) => ({ tokens: [...tokens], answerAt }));
    const job = { model: base.model, steps, tensors, chats: jobChats };
    await writeFile(join(folder, 'job.json'), JSON.stringify(job));
    const report = (line: string) =>
      output.progress('distilling', (JSON.parse(line) as { step: number }).step, steps);
    await runLines(python, [join(scriptFolder('finetune'), 'distil.py'), folder], report, signal);
    const bytes = await readFile(join(folder, 'scales.bin'));
    const scales = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const parts = withScales(deltaParts(manifest, file.subarray(file.length - manifest.data.bytes)), scales);
    return writeDelta({ base: base.digest, recipe: manifest.recipe, model: manifest.model, parts });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The trained scales lie in the order of the modules, as the script writes them. */
function withScales(parts: readonly DeltaPart[], scales: Float32Array): DeltaPart[] {
  const ordered = MODULES.flatMap((module) => parts.filter((part) => part.module === module));
  const count = ordered.reduce((sum, part) => sum + (part.form === 'dense1' ? part.scales.length : 0), 0);
  if (count !== scales.length)
    throw new DeltaError('wrong-shape', `${scales.length} trained scales, must be ${count}`);
  let at = 0;
  return ordered.map((part) => {
    if (part.form !== 'dense1')
      throw new DeltaError('unsupported', `a ${part.form} part has no scales to train`);
    const trained = Uint16Array.from(scales.subarray(at, at + part.scales.length), toHalf);
    at += part.scales.length;
    return { ...part, scales: trained };
  });
}

interface JobTensor {
  name: string;
  shape: [number, number];
  /** First float in base.bin. */
  base: number;
  /** In tuned.bin; null where it is the base's. */
  tuned: number | null;
}

async function writeWeights(
  folder: string,
  base: BuildBase,
  tuned: Tuned,
  signal: AbortSignal,
): Promise<JobTensor[]> {
  const before = await open(join(folder, 'base.bin'), 'w');
  const after = await open(join(folder, 'tuned.bin'), 'w');
  const tensors: JobTensor[] = [];
  try {
    let [baseAt, tunedAt] = [0, 0];
    for (const [name, { shape }] of modelTensors(base.model)) {
      signal.throwIfAborted();
      const [own, other] = [await base.read(name), await tuned.read(name)];
      if (own === null || other === null) continue;
      const same = own.every((value, index) => value === other[index]);
      tensors.push({ name, shape, base: baseAt, tuned: same ? null : tunedAt });
      await before.writeFile(asBytes(own));
      baseAt += own.length;
      if (same) continue;
      await after.writeFile(asBytes(other));
      tunedAt += other.length;
    }
    // An empty file cannot be mapped.
    if (tunedAt === 0) throw new DeltaError('zero-coverage', 'the fine-tune changes nothing');
    return tensors;
  } finally {
    await before.close();
    await after.close();
  }
}

const asBytes = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
