import { corpusTokens, jsonPrompts, thin } from '@zen/delta-build';
import type { NativeQuant } from '@zen/engine';
import {
  type LadderConfig,
  LadderReader,
  measureQuality,
  type OpenLadder,
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
): Promise<{ config: LadderConfig; tokens: number }> {
  const { model, tokenizer } = ladder.config;
  const sequences = thin(await corpusTokens('evaluation', tokenizer), options.tokens);
  const reader = await LadderReader.open(quant, ladder);
  const stages =
    options.with === 'engine'
      ? await engineStages(ladder, options.threads)
      : referenceStages(quant, ladder, reader);
  try {
    const qualities = await measureQuality({
      quant,
      reference: new ReferenceModel(quant, model, reader.cached(STAGES - 1)),
      sequences,
      jsonPrompts: options.json ? await jsonPrompts(tokenizer) : [],
      stages: stages.list,
      progress: (done, total) => context.output.progress('measuring', done, total),
      signal: context.signal,
    });
    const config = await updateQuality(ladder, qualities, options.keep);
    return { config, tokens: sequences.reduce((sum, sequence) => sum + sequence.length, 0) };
  } finally {
    stages.close();
    await reader.close();
  }
}
