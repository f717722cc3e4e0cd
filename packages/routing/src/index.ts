export {
  allows,
  attempt,
  type Circuit,
  type CircuitPolicy,
  CLOSED,
  DEFAULT_CIRCUIT,
  fail,
  succeed,
} from './circuit';
export { type Candidate, type Choice, type Exclusion, type Need, pick, score } from './pick';
export { countsAgainst, MAX_ATTEMPTS, mayRetry, type Progress, type ReplicaFailure } from './retry';
