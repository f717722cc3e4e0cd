/** Of a version's bits, those that say whose it is. */
const OWNER_BITS = 10n;

/**
 * Versions that never go back, whoever gives them: the time in milliseconds, above all that were heard of, with the
 * number of the router in the lowest bits, so that no two routers give the same.
 */
export class VersionClock {
  private newest = 0n;

  constructor(
    /** 0 to 1,023, by chance. */
    private readonly owner: number,
    /** Milliseconds since the epoch. */
    private readonly wallClock: () => number,
  ) {}

  next(): bigint {
    const time = BigInt(this.wallClock());
    const after = (this.newest >> OWNER_BITS) + 1n;
    this.newest = ((time > after ? time : after) << OWNER_BITS) | BigInt(this.owner);
    return this.newest;
  }

  /** A version that somebody has. */
  heard(version: bigint): void {
    if (version > this.newest) this.newest = version;
  }

  /** Milliseconds since a version was given; not below 0, however clocks disagree. */
  ageMs(version: bigint): number {
    return Math.max(0, this.wallClock() - Number(version >> OWNER_BITS));
  }
}
