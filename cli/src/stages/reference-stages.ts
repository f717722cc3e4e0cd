import type { NativeQuant } from '@zen/engine';
import { type LadderReader, type OpenLadder, ReferenceModel, type StageUnderTest } from '@zen/ladder';

/** The stages as the float32 reference runs them; slow, and without generated answers. */
export function referenceStages(
  quant: NativeQuant,
  ladder: OpenLadder,
  reader: LadderReader,
): { list: StageUnderTest[]; close(): void } {
  const list = ladder.config.stages.map(({ stage }): StageUnderTest => {
    const model = new ReferenceModel(quant, ladder.config.model, reader.cached(stage));
    return {
      stage,
      logits: async (tokens) => model.logits(await model.forward([tokens]), 0, tokens.length),
      answers: null,
    };
  });
  return { list, close: () => {} };
}
