import type { StageCost, StepMeasure } from './cost-model';

export type StageWork = Omit<StepMeasure, 'elapsedUs'>;

/** How fast the share is learned, once it is known from the first steps. */
const GAIN = 0.05;
const FIRST_STEPS = 8;

/**
 * Divides the time of a step that mixes stages. Such a step costs the base of its highest stage, a share of the bases
 * of the others (they read mostly the same weights), and what its sequences and tokens cost at their stages. The share
 * is learned from the steps themselves.
 */
export class MixedSteps {
  /** Of a lower stage's base that a step pays beside a higher stage: 0 where all weights are shared, 1 for none. */
  lowerBaseShare = 0.5;
  private seen = 0;

  /**
   * What the stages of such a step would have cost alone, by how much slower or faster it was than expected. Nothing
   * where a stage or the share is not known yet: there is nothing to divide by.
   */
  divide(
    work: readonly StageWork[],
    elapsedUs: number,
    costOf: (stage: number) => StageCost | undefined,
  ): StepMeasure[] {
    const top = Math.max(...work.map(({ stage }) => stage));
    const parts: { one: StageWork; baseUs: number; ownUs: number }[] = [];
    for (const one of work) {
      const cost = costOf(one.stage);
      if (cost === undefined) return [];
      const ownUs = cost.decodePerSequenceUs * one.decodes + cost.prefillUsPerToken * one.promptTokens;
      parts.push({ one, baseUs: cost.decodeBaseUs, ownUs });
    }
    const topBaseUs = parts.find(({ one }) => one.stage === top)?.baseUs ?? 0;
    const lowerBasesUs = parts.reduce((sum, { baseUs }) => sum + baseUs, 0) - topBaseUs;
    const fixedUs = parts.reduce((sum, { ownUs }) => sum + ownUs, topBaseUs);
    const expectedUs = fixedUs + this.lowerBaseShare * lowerBasesUs;
    if (lowerBasesUs > 0) {
      const share = Math.min(1, Math.max(0, (elapsedUs - fixedUs) / lowerBasesUs));
      this.seen++;
      this.lowerBaseShare += Math.max(GAIN, 1 / this.seen) * (share - this.lowerBaseShare);
    }
    if (this.seen < FIRST_STEPS || expectedUs <= 0) return [];
    return parts.map(({ one, baseUs, ownUs }) => ({
      ...one,
      elapsedUs: ((baseUs + ownUs) * elapsedUs) / expectedUs,
    }));
  }
}
