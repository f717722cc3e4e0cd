export * from './ladder-config';
export { LADDER_FAILURES, LadderError, type LadderFailure } from './ladder-error';
export { ladderPath, type OpenLadder, openLadder, type PlanName } from './open-ladder';
export * from './source-model';
export { parseConfig } from './validate-config';
