import { invalid, ThinkerError } from './thinker-error';

export interface StageWish {
  stage?: number | undefined;
  minStage?: number | undefined;
}

export interface StagesNow {
  /** Highest attached stage, -1 for none. */
  readonly top: number;
  readonly minServable: number;
}

const HIGHEST = 4;

/**
 * The stage to pin, or null to follow the highest that is attached. A stage below the manifest's floor answers
 * only when it is named.
 */
export function chooseStage({ stage, minStage }: StageWish, { top, minServable }: StagesNow): number | null {
  for (const [field, value] of Object.entries({ stage, min_stage: minStage })) {
    if (value !== undefined && value > HIGHEST) throw invalid(field, `${value}, must be 0 to ${HIGHEST}`);
  }
  if (stage !== undefined && minStage !== undefined && stage < minStage) {
    throw invalid('stage', `${stage} is below min_stage, ${minStage}`);
  }
  const needed = stage ?? minStage ?? 0;
  if (stage === undefined && top < minServable) {
    throw new ThinkerError('not-ready', 'no servable stage is attached yet');
  }
  if (needed > top) {
    const field = stage === undefined ? 'min_stage' : 'stage';
    const now = top < 0 ? 'none is' : `the highest is ${top}`;
    throw new ThinkerError('stage-not-attached', `${field}: ${needed} is not attached, ${now}`);
  }
  return stage ?? null;
}
