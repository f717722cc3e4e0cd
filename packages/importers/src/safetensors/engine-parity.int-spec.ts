import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEngine } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { packPlainly } from '@zen/testing';
import { openSource } from '../open-source';
import { GOLDEN_MIXTURES, goldenMixture } from '../testing/golden-mixture';

// The logits spread by 1.5. Keys and values are kept as float16; all else at the top stage is float32.
const TOLERANCE = 0.02;

/** [tokens][vocabSize] of the ladder's stages, by the native engine. */
async function engineLogits(folder: string, tokens: Int32Array): Promise<Float32Array[]> {
  const ladder = await openLadder(folder);
  const { vocabSize } = ladder.config.model;
  const model = loadEngine().open(ladder.configJson, {
    threads: 2,
    kvBytes: 2 ** 22,
    kvType: 'f16',
    contextTokens: 64,
    tokenBytes: new Uint8Array(0),
    tokenOffsets: new Uint32Array(vocabSize + 1),
  });
  try {
    const all: Float32Array[] = [];
    for (const [stage, path] of ladder.stagePaths.entries()) {
      await model.attachStage(stage, path);
      all.push(await model.logits(stage, tokens));
    }
    return all;
  } finally {
    model.close();
  }
}

describe('the native engine on an imported mixture', () => {
  it.each(GOLDEN_MIXTURES)('has the logits that transformers has for %s at the top stage', async (name) => {
    const golden = goldenMixture(name);
    const folder = mkdtempSync(join(tmpdir(), 'zen-parity-'));
    const source = await openSource(golden.folder, { home: golden.folder });
    try {
      await packPlainly(source, folder, 32);
      const stages = await engineLogits(folder, golden.tokens);
      const worst = stages.map((logits) =>
        logits.reduce((most, value, i) => Math.max(most, Math.abs(value - (golden.logits[i] ?? 0))), 0),
      );
      expect(stages.at(-1)).toHaveLength(golden.logits.length);
      expect(worst.at(-1)).toBeLessThan(TOLERANCE);
      // Lower stages differ, so the comparison is not blind.
      expect(worst[0]).toBeGreaterThan(10 * TOLERANCE);
    } finally {
      await source.close();
      golden.remove();
      rmSync(folder, { recursive: true });
    }
  });
});
