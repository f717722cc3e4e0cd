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
export { homeOf } from './home';
export {
  type Candidate,
  type Choice,
  type Exclusion,
  filter,
  type Need,
  pick,
  type RouteReason,
  type Routing,
  SATURATION,
  score,
} from './pick';
export { type PrefixChain, prefixChain } from './prefix-chain';
export { NO_MATCH, PrefixIndex, type PrefixMatch } from './prefix-index';
export { countsAgainst, MAX_ATTEMPTS, mayRetry, type Progress, type ReplicaFailure } from './retry';
