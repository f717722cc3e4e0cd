import { deltaModel, type Recipe, readPeft, TensorFile } from '@zen/deltas';
import type { NativeQuant } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { type BuildBase, ladderBase } from './build-base';
import { type BuiltDelta, buildDelta } from './build-delta';
import { corpusTokens, thin } from './corpus-tokens';
import { fileBytes } from './file-bytes';
import { adaptedModel, type Tuned, wholeModel } from './tuned';
import { tunedFile } from './tuned-file';

export interface FileBuild {
  quant: NativeQuant;
  /** Folder of the base's ladder. */
  ladder: string;
  /** A safetensors file: a PEFT adapter's, or a fine-tuned model's. */
  file: string;
  /** Text of `adapter_config.json`; null for a fine-tuned model. */
  adapterConfig: string | null;
  recipe: Recipe;
  /** 1 to 64 in lora1, to 256 in lora16; null: the adapter's own, else 8 and 16. */
  rank: number | null;
  /** About how many tokens of the calibration texts the base runs on; 0: none. */
  calibrationTokens: number;
  /** In layers. */
  progress: (done: number, total: number) => void;
  signal: AbortSignal;
}

/**
 * Makes a delta of one uploaded file: what a build job runs. The same input gives the same delta. Throws a DeltaError
 * or LadderError that says what is wrong with the input, or the signal's reason. Run it in a process or thread of its
 * own where an event loop must answer meanwhile.
 */
export async function buildFromFile(build: FileBuild): Promise<BuiltDelta> {
  const { quant, recipe, rank, adapterConfig, progress, signal } = build;
  const ladder = await openLadder(build.ladder);
  const base = await ladderBase(quant, ladder);
  const bytes = await fileBytes(build.file);
  try {
    const file = await TensorFile.open(bytes);
    const tuned = await openTuned(quant, base, file, adapterConfig);
    const texts = build.calibrationTokens > 0 ? await corpusTokens('calibration', base.tokenizer) : [];
    return await buildDelta({
      quant,
      base,
      tuned,
      recipe,
      modules: null,
      rank,
      group: null,
      calibration: thin(texts, Math.max(1, build.calibrationTokens)),
      statistics: 'full',
      progress,
      signal,
    });
  } finally {
    await bytes.close();
    await base.close();
  }
}

/** What a safetensors file holds: an adapter where there is a configuration of one, else a model's own weights. */
export async function openTuned(
  quant: NativeQuant,
  base: BuildBase,
  file: TensorFile,
  adapterConfig: string | null,
): Promise<Tuned> {
  const order = base.model.ropeStyle;
  if (adapterConfig !== null) {
    return adaptedModel(quant, base, await readPeft(adapterConfig, file, deltaModel(base.model), order));
  }
  const whole = tunedFile(file, order);
  return wholeModel(base, whole.read, whole.order);
}
