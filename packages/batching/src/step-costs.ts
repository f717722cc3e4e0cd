import { CostModel, type StageCost, type StepMeasure } from './cost-model';
import { MixedSteps, type StageWork } from './mixed-steps';
import { RowCosts } from './speculation/row-costs';
import type { Draft } from './step-backend';

/** One sequence's part of a step. */
export interface StepPart {
  stage: number;
  /** Positions computed, without drafts. */
  count: number;
  decoding: boolean;
  draft: Draft | null;
}

/** What steps cost: by what they compute, for predictions, and by their rows, for the choice of drafts. */
export class StepCosts {
  readonly rows = new RowCosts();
  private readonly model = new CostModel();
  private readonly mixed = new MixedSteps();

  costs(nowUs?: number): StageCost[] {
    return this.model.costs(nowUs);
  }

  /** A step that ran outside of a plan and ended at `nowUs`; `rows` (default: one for each decode) where it checked drafts. */
  observe(measure: StepMeasure, nowUs: number, rows = measure.decodes): void {
    if (rows === measure.decodes) this.model.observe(measure, nowUs);
    if (measure.promptTokens === 0) this.rows.observe(measure.stage, rows, measure.elapsedUs);
  }

  /** A step of a plan that went well and ended at `nowUs`. */
  measure(parts: readonly StepPart[], elapsedUs: number, nowUs: number): void {
    const byStage = new Map<number, StageWork>();
    for (const { stage, count, decoding } of parts) {
      const one = byStage.get(stage) ?? { stage, decodes: 0, promptTokens: 0 };
      if (decoding) one.decodes++;
      else one.promptTokens += count;
      byStage.set(stage, one);
    }
    const [work, ...others] = byStage.values();
    if (work === undefined) return;
    const plainUs = work.promptTokens > 0 ? elapsedUs : this.plainUs(parts, elapsedUs);
    if (others.length === 0) {
      if (plainUs !== null) this.model.observe({ ...work, elapsedUs: plainUs }, nowUs);
    } else if (parts.every(({ draft }) => draft === null)) {
      const measures = this.mixed.divide([work, ...others], elapsedUs, (stage) =>
        this.model.cost(stage, nowUs),
      );
      for (const measure of measures) this.model.observe(measure, nowUs);
    }
  }

  /** Prompt tokens that fit into `stepUs` beside so many decodes, Infinity while it is not known. */
  promptTokensWithin(stepUs: number, stage: number, decodes: number, nowUs: number): number {
    const cost = this.model.cost(stage, nowUs);
    if (!cost || cost.prefillUsPerToken === 0) return Number.POSITIVE_INFINITY;
    const decodeUs = cost.decodeBaseUs + cost.decodePerSequenceUs * decodes;
    return (stepUs - decodeUs) / cost.prefillUsPerToken;
  }

  /** Notes the time of decodes by their rows; what it would have been without drafts, null while that is not known. */
  private plainUs(parts: readonly StepPart[], elapsedUs: number): number | null {
    const stage = Math.max(...parts.map((part) => part.stage));
    if (parts.some((part) => part.stage !== stage)) return elapsedUs;
    const drafted = parts.reduce((sum, { draft }) => sum + draftTokens(draft), 0);
    const checked = parts.length + drafted;
    const checkUs = this.rows.time(stage, checked) ?? elapsedUs;
    // Drafting and checking share the time as they are known to.
    const expectedUs = checkUs + parts.reduce((sum, { draft }) => sum + this.draftUs(draft), 0);
    const plainUs = drafted === 0 ? expectedUs : this.rows.time(stage, parts.length);
    this.rows.observe(stage, checked, (elapsedUs * checkUs) / expectedUs);
    return plainUs === undefined ? null : (elapsedUs * plainUs) / expectedUs;
  }

  private draftUs(draft: Draft | null): number {
    if (draft === null || 'tokens' in draft) return 0;
    return draft.count * (this.rows.time(draft.stage, 1) ?? 0);
  }
}

export function draftTokens(draft: Draft | null): number {
  if (draft === null) return 0;
  return 'tokens' in draft ? draft.tokens.length : draft.count;
}
