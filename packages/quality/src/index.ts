export { Arrivals } from './arrivals';
export { type Figure, MAX_CORRECTION, MIN_CORRECTION } from './corrections';
export type { AdmissionPolicy, Decision, RungReason, RungWish } from './decide';
export { type Floors, JSON_TOLERANCE } from './floors';
export type { Replica, ReplicaLoad, StageCost, StageState } from './load';
export { MIN_SAVING, type RungOutlook } from './outlook';
export { type PlacedRung, placeRungs } from './place-rungs';
export {
  DEFAULT_OBJECTIVE,
  type Demand,
  type Objective,
  type Prediction,
  predict,
  pressure,
  type RequestSize,
} from './predict';
export { type Member, type Rung, type RungGroup, rungName } from './rung';
export {
  DEFAULT_HYSTERESIS,
  type HysteresisPolicy,
  type Level,
  type LevelChange,
  type RequestClass,
} from './rung-controller';
export { type LevelReport, RungPolicy, type RungPolicyOptions } from './rung-policy';
