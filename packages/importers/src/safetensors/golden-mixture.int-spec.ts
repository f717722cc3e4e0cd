import { join } from 'node:path';
import { loadEngine, loadQuant } from '@zen/engine';
import { denseSource, ReferenceModel, type SourceModel, STAGES, sourceTensors } from '@zen/ladder';
import { packPlainly } from '@zen/testing';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import { openSource } from '../open-source';
import { GOLDEN_MIXTURES, type Golden, goldenMixture } from '../testing/golden-mixture';

/** Largest distance of two logits. */
function apart(found: Float32Array, golden: Float32Array): number {
  expect(found.length).toBe(golden.length);
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - golden[i]!)), 0);
}

/** Packs a source by plain rounding and opens its top stage, where the matrices are the source's own numbers. */
async function engineLogits(source: SourceModel, { folder, tokens }: Golden): Promise<Float32Array> {
  const { config, configJson, stagePaths } = await packPlainly(source, join(folder, 'ladder'), 64);
  const { bytes, offsets } = Tokenizer.from(config.tokenizer as TokenizerSpec).byteTable(
    config.model.vocabSize,
  );
  const model = loadEngine().open(configJson, {
    threads: 1,
    kvBytes: 2 ** 22,
    kvType: 'f16',
    contextTokens: 128,
    tokenBytes: bytes,
    tokenOffsets: offsets,
  });
  try {
    for (const [stage, path] of stagePaths.entries()) await model.attachStage(stage, path);
    return await model.logits(STAGES - 1, tokens);
  } finally {
    model.close();
  }
}

// The logits spread by 1.5; the two differ in the order of their sums.
const TOLERANCE = 2e-5;
/** The engine keeps keys and values in 16 bits; another expert or gate is off by 0.1 and more. */
const ENGINE_TOLERANCE = 0.03;

// Four native models are packed and opened.
jest.setTimeout(60_000);

describe('an imported mixture', () => {
  it.each(GOLDEN_MIXTURES)(
    'has the logits that transformers has for %s, in the float32 reference and in the engine',
    async (name) => {
      const golden = goldenMixture(name);
      const source = await openSource(golden.folder, { home: golden.folder });
      try {
        const quant = loadQuant();
        const read = denseSource(quant, sourceTensors(source), true);
        const reference = new ReferenceModel(quant, source.config, read);
        const hidden = await reference.forward([golden.tokens]);
        const logits = await reference.logits(hidden, 0, golden.tokens.length);
        expect(apart(logits, golden.logits)).toBeLessThan(TOLERANCE);
        const engine = await engineLogits(source, golden);
        expect(apart(engine, golden.logits)).toBeLessThan(ENGINE_TOLERANCE);
      } finally {
        await source.close();
        golden.remove();
      }
    },
  );
});
