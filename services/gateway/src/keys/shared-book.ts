import {
  Debts,
  dividedBy,
  isUnlimited,
  type LimitBook,
  LocalBook,
  type Take,
  type Verdict,
} from '@zen/admission';
import { allows, attempt, type Circuit, CLOSED, fail, succeed } from '@zen/routing';

/** Limits that are kept for all gateways together. */
export interface CommonBook extends LimitBook {
  /** Keeps this gateway and its places counted; returns how many gateways there are. */
  renew(leases: Iterable<[key: string, leases: ReadonlySet<string>]>): Promise<number>;
}

export interface SharedBookOptions {
  common: CommonBook;
  now: () => number;
  /** Told when limits become shared, and when they are kept alone and why. */
  onChange(shared: boolean, why: string): void;
  /** Told how many gateways there are, at each beat. */
  onGateways(count: number): void;
  /** Told of each `take` that was decided alone. */
  onAlone(): void;
  /** Told how long each `take` that was shared has taken. */
  onShared(tookMs: number): void;
}

/** Three in a row are no accident; then a request in half a second tries, later one in five seconds. */
const CIRCUIT = { failuresToOpen: 3, openMs: 500, maxOpenMs: 5000 };

/**
 * The common limits while they can be asked; else this gateway's fair part of them, by the number of gateways that
 * was last known. What is used meanwhile is charged when they are back.
 */
export class SharedBook implements LimitBook {
  private readonly own: LocalBook;
  private readonly debts = new Debts();
  /** Nobody knows whether the common book has heard of them. */
  private doubtful: Take[] = [];
  private circuit: Circuit = CLOSED;
  private gateways = 1;
  private shared: boolean | undefined;

  constructor(private readonly options: SharedBookOptions) {
    this.own = new LocalBook(options.now);
  }

  async take(take: Take): Promise<Verdict> {
    if (isUnlimited(take.limits)) return this.own.takeNow(take);
    const { now } = this.options;
    const askedAtMs = now();
    if (!allows(this.circuit, askedAtMs)) return this.alone(take);
    this.circuit = attempt(this.circuit, askedAtMs);
    const owed = this.debts.collect(take.key, askedAtMs);
    try {
      const verdict = await this.options.common.take(owed ? { ...take, owed } : take);
      this.options.onShared(now() - askedAtMs);
      this.worked();
      this.own.assume(this.part(take), verdict, 1 / this.gateways);
      return verdict;
    } catch (error) {
      this.doubtful.push(take);
      if (owed) this.debts.charge(this.part(take), owed.requests, owed.tokens, now());
      this.failed(error);
      return this.alone(take);
    }
  }

  async settle(take: Take, moreTokens: number): Promise<void> {
    const { now, common } = this.options;
    const part = this.part(take);
    this.own.settleNow(part, moreTokens);
    if (isUnlimited(take.limits)) return;
    if (allows(this.circuit, now())) {
      try {
        await common.settle(take, moreTokens);
        return;
      } catch (error) {
        this.failed(error);
      }
    }
    this.debts.charge(part, 0, moreTokens, now());
  }

  /** To be called a few times in the life of a lease. */
  async beat(): Promise<void> {
    try {
      this.gateways = Math.max(1, await this.options.common.renew(this.own.leases()));
      this.options.onGateways(this.gateways);
      this.worked();
    } catch (error) {
      this.failed(error);
    }
  }

  private alone(take: Take): Verdict {
    this.options.onAlone();
    const part = this.part(take);
    const verdict = this.own.takeNow(part);
    if (!verdict.denied) this.debts.charge(part, 1, take.tokens, this.options.now());
    return verdict;
  }

  private part(take: Take): Take {
    return { ...take, limits: dividedBy(take.limits, this.gateways) };
  }

  private worked(): void {
    this.circuit = succeed();
    const doubtful = this.doubtful;
    this.doubtful = [];
    // A place that is still in use comes back with the next beat; one that stays taken ends with its lease.
    for (const take of doubtful) this.options.common.settle(take, 0).catch(() => undefined);
    if (this.shared !== true) this.options.onChange(true, '');
    this.shared = true;
  }

  private failed(error: unknown): void {
    this.circuit = fail(this.circuit, this.options.now(), CIRCUIT);
    if (this.circuit.t === 'closed') return;
    if (this.shared !== false) this.options.onChange(false, (error as Error).message);
    this.shared = false;
  }
}
