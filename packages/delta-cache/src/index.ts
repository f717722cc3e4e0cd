export { NegativeCache } from './negative-cache';
export { SingleFlight } from './single-flight';
export { Tier, type TierEntry, type TierOptions } from './tier';
