export { BANDS, type Band } from './band';
export { Debts } from './debts';
export { DrainRate } from './drain-rate';
export { type Fair, FairQueue } from './fair-queue';
export {
  type Budget,
  dividedBy,
  isUnlimited,
  type LimitBook,
  type Limits,
  STREAM_WAIT_MS,
  type Take,
  type Verdict,
} from './limit-book';
export { LocalBook } from './local-book';
export { type ReplicaState, replicaRoom } from './replica-room';
export { TokenBucket } from './token-bucket';
export { type Ask, type Caps, type Crowd, type Full, type Waiting, WaitingRoom } from './waiting-room';
