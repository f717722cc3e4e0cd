import { corpusTokens, thin } from '@zen/delta-build';
import { loadQuant } from '@zen/engine';
import { LadderReader, measureQuality, openLadder, ReferenceModel, STAGES } from '@zen/ladder';
import { packedLadder } from '@zen/testing';
import { engineStages } from './stages/engine-stages';

const packed = packedLadder();
if ('missing' in packed) process.stderr.write(`skipped: top stage of the engine (${packed.missing})\n`);

/** The engine quantizes activations; the reference is a dense float32 forward pass that shares no code with it. */
('missing' in packed ? describe.skip : describe)('the top stage of SmolLM2 in the engine', () => {
  it('agrees with the float32 reference on 2,048 tokens', async () => {
    const ladder = await openLadder((packed as { folder: string }).folder);
    const quant = loadQuant();
    const reader = await LadderReader.open(quant, ladder);
    const stages = await engineStages(ladder);
    const all = thin(await corpusTokens('evaluation', ladder.config.tokenizer), 2500);
    const total = all.reduce((sum, tokens) => sum + tokens.length, 0);
    expect(total).toBeGreaterThanOrEqual(2048);
    const [top] = await measureQuality({
      quant,
      reference: new ReferenceModel(quant, ladder.config.model, reader.cached(STAGES - 1)),
      sequences: all,
      jsonPrompts: [],
      stages: stages.list.slice(-1),
      progress: () => undefined,
      signal: new AbortController().signal,
    });
    stages.close();
    await reader.close();
    expect(top?.klMean).toBeLessThanOrEqual(0.005);
    expect(top?.top1).toBeGreaterThanOrEqual(0.985);
    expect(Math.abs((top?.perplexityRatio ?? 0) - 1)).toBeLessThanOrEqual(0.005);
    process.stderr.write(`top stage on ${total} tokens: ${JSON.stringify(top)}\n`);
  }, 900_000);
});
