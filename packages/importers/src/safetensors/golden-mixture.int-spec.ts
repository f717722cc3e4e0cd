import { loadQuant } from '@zen/engine';
import { denseSource, ReferenceModel, sourceTensors } from '@zen/ladder';
import { openSource } from '../open-source';
import { GOLDEN_MIXTURES, goldenMixture } from '../testing/golden-mixture';

// The logits spread by 1.5; the two differ in the order of their sums.
const TOLERANCE = 2e-5;

describe('the float32 reference of an imported mixture', () => {
  it.each(GOLDEN_MIXTURES)('has the logits that transformers has for %s', async (name) => {
    const golden = goldenMixture(name);
    const source = await openSource(golden.folder, { home: golden.folder });
    try {
      const quant = loadQuant();
      const read = denseSource(quant, sourceTensors(source), true);
      const reference = new ReferenceModel(quant, source.config, read);
      const hidden = await reference.forward([golden.tokens]);
      const logits = await reference.logits(hidden, 0, golden.tokens.length);
      expect(logits.length).toBe(golden.logits.length);
      const worst = logits.reduce((most, value, i) => Math.max(most, Math.abs(value - golden.logits[i]!)), 0);
      expect(worst).toBeLessThan(TOLERANCE);
    } finally {
      await source.close();
      golden.remove();
    }
  });
});
