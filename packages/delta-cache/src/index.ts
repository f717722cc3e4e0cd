export { NegativeCache } from './negative-cache';
export { QueueFull, RoomQueue } from './room-queue';
export { SingleFlight } from './single-flight';
export { Tier, type TierEntry, type TierOptions } from './tier';
export { unlessAborted } from './unless-aborted';
