import { GatewayError } from '../gateway-error';

export interface ProgressHubOptions {
  /** Shortest time between two reports, milliseconds. */
  everyMs: number;
  /** Without a change the last report is repeated this often, so that proxies keep the connection. */
  repeatMs: number;
  maxListeners: number;
}

/** Where reports go. A promise means that the reader is behind until it resolves. */
export interface ProgressListener {
  send(report: string): Promise<void> | undefined;
  end(): void;
}

interface Place {
  last: string;
  sentAtMs: number;
  behind: boolean;
}

/**
 * Tells any number of listeners, up to a limit, how the replicas climb. One report is made for all of them, and only
 * while somebody listens; a slow reader misses reports, never the newest.
 */
export class ProgressHub {
  private readonly places = new Map<ProgressListener, Place>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly report: () => string,
    private readonly now: () => number,
    private readonly options: ProgressHubOptions,
  ) {}

  get listeners(): number {
    return this.places.size;
  }

  newest(): string {
    return this.report();
  }

  /** Throws where one more listener is too many. */
  checkRoom(): void {
    const { maxListeners } = this.options;
    if (this.places.size < maxListeners) return;
    const message = `at most ${maxListeners} callers may watch the progress at once`;
    throw new GatewayError('overloaded', message, { retryAfterS: 5 });
  }

  /** The newest report at once, then every change. */
  add(listener: ProgressListener): void {
    this.checkRoom();
    const place = { last: '', sentAtMs: 0, behind: false };
    this.places.set(listener, place);
    this.timer ??= setInterval(() => this.tell(), this.options.everyMs).unref();
    this.send(listener, place, this.report());
  }

  remove(listener: ProgressListener): void {
    this.places.delete(listener);
    if (this.places.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Sends everybody away: a shutdown does not wait for those who only watch. */
  close(): void {
    for (const listener of [...this.places.keys()]) {
      this.remove(listener);
      listener.end();
    }
  }

  private tell(): void {
    const report = this.report();
    const repeatBefore = this.now() - this.options.repeatMs;
    for (const [listener, place] of this.places) {
      if (place.behind || (place.last === report && place.sentAtMs > repeatBefore)) continue;
      this.send(listener, place, report);
    }
  }

  private send(listener: ProgressListener, place: Place, report: string): void {
    place.last = report;
    place.sentAtMs = this.now();
    const drained = listener.send(report);
    if (!drained) return;
    place.behind = true;
    void drained.then(() => {
      place.behind = false;
    });
  }
}
