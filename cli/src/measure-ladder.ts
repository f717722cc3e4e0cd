import { corpusTokens, jsonPrompts, thin } from '@zen/delta-build';
import type { NativeQuant } from '@zen/engine';
import {
  type LadderConfig,
  LadderReader,
  measureQuality,
  type OpenLadder,
  QualityFolder,
  ReferenceModel,
  STAGES,
  updateQuality,
} from '@zen/ladder';
import type { Context } from './context';
import { engineStages } from './stages/engine-stages';
import { referenceStages } from './stages/reference-stages';

export interface MeasureOptions {
  with: 'engine' | 'reference';
  /** About how many tokens of the evaluation texts. */
  tokens: number;
  threads: number | undefined;
  /** Ask the JSON prompts too. */
  json: boolean;
  /** Write the result into the manifest. */
  keep: boolean;
  /** Beside this path is kept what has been measured so far, until `done`; null: nowhere. */
  resumeAt: string | null;
}

export interface MeasuredLadder {
  config: LadderConfig;
  tokens: number;
  /** The caller has put the result where it belongs. */
  done(): Promise<void>;
}

/**
 * Measures every stage against the source model. The top stage stands for the source: its values are the
 * source's own (`zen verify`), run by the float32 reference.
 */
export async function measureLadder(
  context: Context,
  quant: NativeQuant,
  ladder: OpenLadder,
  options: MeasureOptions,
): Promise<MeasuredLadder> {
  const { model, tokenizer } = ladder.config;
  const sequences = thin(await corpusTokens('evaluation', tokenizer), options.tokens);
  const reader = await LadderReader.open(quant, ladder);
  const stages =
    options.with === 'engine'
      ? await engineStages(ladder, options.threads)
      : referenceStages(quant, ladder, reader);
  try {
    const prompts = options.json ? await jsonPrompts(tokenizer) : [];
    const what = { ladder, how: options.with, sequences, jsonPrompts: prompts };
    const work = options.resumeAt === null ? null : await QualityFolder.open(options.resumeAt, what);
    const qualities = await measureQuality({
      quant,
      reference: new ReferenceModel(quant, model, reader.cached(STAGES - 1)),
      sequences,
      jsonPrompts: prompts,
      stages: stages.list,
      progress: (done, total) => context.output.progress('measuring', done, total),
      signal: context.signal,
      ...(work === null ? {} : { work }),
    });
    const config = await updateQuality(ladder, qualities, options.keep);
    const tokens = sequences.reduce((sum, sequence) => sum + sequence.length, 0);
    return { config, tokens, done: async () => work?.remove() };
  } finally {
    stages.close();
    await reader.close();
  }
}
