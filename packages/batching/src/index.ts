export { answerLimit } from './answer-limit';
export { BatchingError, type BatchingFailure } from './batching-error';
export { CostModel, type StageCost, type StepMeasure } from './cost-model';
export { Generation, type GenerationEvent } from './generation';
export {
  type BatchRequest,
  DEFAULT_LIMITS,
  type Limits,
  type Priority,
  type Prompt,
  promptLength,
} from './request';
export { Scheduler, type StepPlan } from './scheduler';
export type { SchedulerLoad } from './scheduler-load';
export { SimulatedBackend, type SimulatedModel } from './simulated-backend';
export type { DraftCounts, DrafterName, Speculation } from './speculation/speculator';
export * from './step-backend';
