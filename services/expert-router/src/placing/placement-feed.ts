import type { Placement } from '@zen/contracts';

/** The latest placement, for any number of watchers; one that reads slowly skips those in between. */
export class PlacementFeed {
  latest: Placement | null = null;
  /** Who follows it now. */
  watchers = 0;
  private readonly waiting = new Set<() => void>();

  publish(placement: Placement): void {
    this.latest = placement;
    for (const wake of [...this.waiting]) wake();
  }

  /** The latest at once where there is one, then each later one, until `signal` is aborted. */
  async *watch(signal: AbortSignal): AsyncGenerator<Placement> {
    let seen: Placement | null = null;
    this.watchers++;
    try {
      while (!signal.aborted) {
        if (this.latest !== null && this.latest !== seen) {
          seen = this.latest;
          yield seen;
        } else {
          await this.changed(signal);
        }
      }
    } finally {
      this.watchers--;
    }
  }

  private changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
