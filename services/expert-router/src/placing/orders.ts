import type { LayerExperts } from '@zen/contracts';
import type { PodLink } from '../pods/pod-link';
import type { PodState } from '../pods/pod-state';

interface Order {
  version: bigint;
  /** [layers] */
  told: readonly ReadonlySet<number>[];
  /** When the pod took it, by the clock that is passed in; null while it is on its way. */
  takenMs: number | null;
}

/** A pod that has taken an order says so in its next state; one that does not after this has lost it. */
const SILENCE_MS = 3000;
/** Time after which a pod that did not take its order is told again. */
const RETRY_MS = 1000;

/** What this router has told each pod to hold. */
export class Orders {
  private readonly orders = new WeakMap<PodLink, Order>();
  private readonly refusedMs = new WeakMap<PodLink, number>();
  /** Version that each pod said last. */
  private readonly seen = new WeakMap<PodLink, bigint>();

  /** What a pod was told last; what it holds where nobody here has told it anything that it still has. */
  told(link: PodLink, state: PodState): readonly ReadonlySet<number>[] {
    return this.orders.get(link)?.told ?? state.held;
  }

  /** Whether a pod shall be told what it was told already: it does not have it, or did not take it. */
  missing(link: PodLink): boolean {
    return !this.orders.has(link);
  }

  /** Whether it refused a moment ago, and is not asked again yet. */
  resting(link: PodLink, nowMs: number): boolean {
    return nowMs - (this.refusedMs.get(link) ?? Number.NEGATIVE_INFINITY) < RETRY_MS;
  }

  /** Compares with what the pod says; true where it has got an assignment of somebody else's since the last time. */
  overruled(link: PodLink, { assignedVersion }: PodState, nowMs: number): boolean {
    const before = this.seen.get(link) ?? 0n;
    this.seen.set(link, assignedVersion);
    const order = this.orders.get(link);
    if (order && assignedVersion <= order.version) {
      const late = order.takenMs !== null && nowMs - order.takenMs >= SILENCE_MS;
      // It has started anew.
      if (assignedVersion < order.version && late) this.orders.delete(link);
      return false;
    }
    this.orders.delete(link);
    return assignedVersion !== before && assignedVersion !== 0n;
  }

  /** Tells a pod what to hold; fails as the pod's answer does, and then nothing is known of what it was told. */
  async send(
    link: PodLink,
    version: bigint,
    digest: string,
    layers: readonly (readonly number[])[],
    now: () => number,
  ): Promise<void> {
    const order: Order = { version, told: layers.map((experts) => new Set(experts)), takenMs: null };
    this.orders.set(link, order);
    const message: LayerExperts[] = layers.map((experts, layer) => ({ layer, experts: [...experts] }));
    try {
      await link.assign(version, digest, message);
      order.takenMs = now();
    } catch (error) {
      if (this.orders.get(link) === order) this.orders.delete(link);
      this.refusedMs.set(link, now());
      throw error;
    }
  }
}
