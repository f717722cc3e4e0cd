/** How many calls the pod has taken and not got rid of yet, and the memory that they hold. */
export class CallRoom {
  calls = 0;
  bytes = 0;

  constructor(private readonly limits: { calls: number; bytes: number }) {}

  /** What to call when the call's answer has left; null where there is no room. */
  enter(bytes: number): (() => void) | null {
    // One call always gets in, or a large one never would.
    const full =
      this.calls >= this.limits.calls || (this.calls > 0 && this.bytes + bytes > this.limits.bytes);
    if (full) return null;
    this.calls += 1;
    this.bytes += bytes;
    return () => {
      this.calls -= 1;
      this.bytes -= bytes;
    };
  }
}
