import { type Ask, BANDS, type Band, type Caps, type Crowd, DrainRate, WaitingRoom } from '@zen/admission';
import { GatewayError } from '../gateway-error';

export type QueueRefusal = 'requests' | 'bytes' | 'tenant' | 'late';

export interface FrontQueueOptions {
  caps: Caps;
  /** Milliseconds that a request of each band may wait. */
  waitMs: Record<Band, number>;
  now: () => number;
  /** Requests that the replicas of a model or family can take now; may be negative. Never throws. */
  room(group: string): number;
  onServed(band: Band, waitedMs: number): void;
  onRefused(band: Band, why: QueueRefusal): void;
}

/** What a request does at the queue. */
export interface Turn<R> {
  /** Throws what it would be refused for already; called before it waits. */
  check(): void;
  /** Its turn: takes its place at a replica before the first await. `waited` is false where nobody had to. */
  start(waited: boolean): Promise<R>;
}

interface Queued extends Ask {
  go(waited: boolean): void;
  fail(error: GatewayError): void;
}

/**
 * Holds what the fleet cannot take now without growing queues of its own. Who has waited is started in the very
 * moment that a place is free, so that no two get the same one.
 */
export class FrontQueue {
  private readonly waiting: WaitingRoom<Queued>;
  private readonly rates = new Map<Band, DrainRate>(BANDS.map((band) => [band, new DrainRate()]));
  private timer: NodeJS.Timeout | undefined;
  private wakesAtMs = Number.POSITIVE_INFINITY;
  private moving = false;
  private closed = false;

  constructor(private readonly options: FrontQueueOptions) {
    this.waiting = new WaitingRoom(options.caps);
  }

  /** Starts it now or when its turn has come; rejects when that does not come in time or `signal` is aborted. */
  async run<R>(ask: Ask, turn: Turn<R>, signal: AbortSignal): Promise<R> {
    const { group, band } = ask;
    if (this.waiting.ahead(group, band).requests === 0 && this.options.room(group) > 0) {
      this.served(ask, 0);
      return turn.start(false);
    }
    turn.check();
    if (signal.aborted) throw cancelled();
    return new Promise<R>((resolve, reject) => {
      const settle = () => signal.removeEventListener('abort', gone);
      const queued: Queued = {
        ...ask,
        go: (waited) => {
          settle();
          turn.start(waited).then(resolve, reject);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      const nowMs = this.options.now();
      const entry = this.waiting.enter(queued, nowMs, this.options.waitMs[band]);
      if ('what' in entry) {
        reject(this.refused(ask, entry.whose === 'tenant' ? 'tenant' : entry.what));
        return;
      }
      const gone = () => {
        if (this.waiting.leave(entry)) reject(cancelled());
      };
      signal.addEventListener('abort', gone, { once: true });
      this.arm();
    });
  }

  /** Something may have become free. */
  move(): void {
    // A start that fails at once frees its place at once, and would come back here.
    if (this.moving || this.closed || this.waiting.size === 0) return;
    this.moving = true;
    try {
      for (;;) {
        const entry = this.waiting.next((group) => this.options.room(group) > 0);
        if (!entry) return;
        this.served(entry.ask, this.options.now() - entry.sinceMs);
        entry.ask.go(true);
      }
    } finally {
      this.moving = false;
    }
  }

  /** Nobody's turn comes any more; who waits is told by whoever aborts it. */
  close(): void {
    this.closed = true;
  }

  /** What waits for the replicas of a group and is served before the newest request of this band. */
  ahead(group: string, band: Band): Crowd {
    return this.waiting.ahead(group, band);
  }

  /** What waits in a band. */
  held(band: Band): Caps {
    return this.waiting.held(band);
  }

  /** Requests that the replicas of a model or family can take now. */
  roomOf(group: string): number {
    return this.options.room(group);
  }

  /** Estimated tokens that a band was served lately. */
  tokensPerSecond(band: Band): number {
    return this.rates.get(band)?.tokensPerSecond(this.options.now()) ?? 0;
  }

  /** Everybody that waits, the oldest first. */
  all() {
    return this.waiting.all();
  }

  private served({ band, tokens }: Ask, waitedMs: number): void {
    this.rates.get(band)?.served(tokens, this.options.now());
    this.options.onServed(band, waitedMs);
  }

  private refused({ group, band }: Ask, why: QueueRefusal): GatewayError {
    const { caps, waitMs, now } = this.options;
    const limit: Record<QueueRefusal, string> = {
      requests: `${caps.requests} requests of priority ${band} wait already`,
      bytes: `the requests of priority ${band} that wait may hold ${caps.bytes} bytes`,
      tenant: `this tenant has its share of the requests of priority ${band} that may wait`,
      late: `no replica was free within ${waitMs[band] / 1000} s`,
    };
    this.options.onRefused(band, why);
    const { tokens } = this.waiting.ahead(group, band);
    const retryAfterS = this.rates.get(band)?.retryAfterS(tokens, now()) ?? 1;
    return new GatewayError('overloaded', `overloaded: ${limit[why]}`, { retryAfterS });
  }

  /** Wakes up when the next one will have waited for too long. */
  private arm(): void {
    const atMs = this.waiting.nextDeadlineMs();
    if (atMs >= this.wakesAtMs) return;
    clearTimeout(this.timer);
    this.wakesAtMs = atMs;
    const inMs = Math.max(1, Math.ceil(atMs - this.options.now()));
    this.timer = setTimeout(() => {
      this.wakesAtMs = Number.POSITIVE_INFINITY;
      for (const { ask } of this.waiting.expire(this.options.now())) ask.fail(this.refused(ask, 'late'));
      this.arm();
    }, inMs);
    this.timer.unref();
  }
}

function cancelled(): GatewayError {
  return new GatewayError('cancelled', 'the request was cancelled while it waited');
}
