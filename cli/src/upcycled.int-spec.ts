import { corpusTokens, thin } from '@zen/delta-build';
import { loadQuant } from '@zen/engine';
import { Divergence, openLadder } from '@zen/ladder';
import { type UpcycledLadders, upcycledLadder } from '@zen/testing';
import { engineStages } from './stages/engine-stages';

const upcycled = upcycledLadder();
if ('missing' in upcycled) process.stderr.write(`skipped: upcycled SmolLM2 (${upcycled.missing})\n`);

const { mixture, dense } = upcycled as UpcycledLadders;

const STAGES_ALIKE = [0, 4] as const;

/** Logits of both stages for the same tokens. */
async function logitsOf(folder: string, tokens: Int32Array): Promise<Float32Array[]> {
  const stages = await engineStages(await openLadder(folder));
  try {
    const found: Float32Array[] = [];
    for (const stage of STAGES_ALIKE) found.push(await stages.list[stage]!.logits(tokens));
    return found;
  } finally {
    stages.close();
  }
}

/** Eight copies of every feed-forward behind random routers: whichever are chosen, the answer is the dense model's. */
('missing' in upcycled ? describe.skip : describe)('SmolLM2 as a mixture of copies', () => {
  it('answers as the dense model does, up to rounding', async () => {
    const { config } = await openLadder(dense);
    const [texts] = thin(await corpusTokens('evaluation', config.tokenizer), 200);
    const tokens = texts!.slice(0, 200);
    const expected = await logitsOf(dense, tokens);
    const found = await logitsOf(mixture, tokens);
    const targets = Int32Array.from(tokens, (_, index) => tokens[index + 1] ?? -1);
    for (const index of STAGES_ALIKE.keys()) {
      const sum = new Divergence();
      const { vocabSize } = config.model;
      sum.add(await loadQuant().compareLogits(expected[index]!, found[index]!, targets, vocabSize));
      const { klMean, top1 } = sum.quality();
      // Stage 0 is 0.3 from the source model.
      expect(Math.abs(klMean)).toBeLessThan(0.002);
      expect(top1).toBeGreaterThan(0.97);
    }
  }, 120_000);
});
