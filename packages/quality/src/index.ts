export { type AdmissionPolicy, type Decision, decide, type StageReason, type StageWish } from './decide';
export type { Replica, ReplicaLoad, StageCost, StageState } from './load';
export { MIN_SAVING, outlook, type StageOutlook } from './outlook';
export {
  DEFAULT_OBJECTIVE,
  type Objective,
  type Prediction,
  predict,
  pressure,
  type RequestSize,
} from './predict';
export { DEFAULT_HYSTERESIS, type HysteresisPolicy, StageController } from './stage-controller';
