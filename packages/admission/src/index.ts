export { BANDS, type Band } from './band';
export { DrainRate } from './drain-rate';
export { type Fair, FairQueue } from './fair-queue';
export { type ReplicaState, replicaRoom } from './replica-room';
export { type Ask, type Caps, type Crowd, type Full, type Waiting, WaitingRoom } from './waiting-room';
