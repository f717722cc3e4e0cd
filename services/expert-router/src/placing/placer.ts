import { Placement } from '@zen/contracts';
import { nextHoldings, type Plan, type PlanPolicy, planPlacement } from '@zen/placement';
import { LoadBook } from '../load/load-book';
import type { PodFleet } from '../pods/pod-fleet';
import { type Artifact, artifactOf, type Member, membersOf } from './members';
import { Orders } from './orders';
import { PlacementFeed } from './placement-feed';
import { placementMessage } from './placement-message';
import type { VersionClock } from './version-clock';
import type { WriterLease } from './writer-lease';

export interface PlacerOptions {
  policy: PlanPolicy;
  windowMs: number;
  /** Shortest time between two plans for the balance alone. */
  intervalMs: number;
  /** A pod that is down for longer has lost what it held. */
  lostMs: number;
  /** Pods come and go in groups: a plan waits for this long after the last of them. */
  settleMs: number;
  now: () => number;
  wallClock: () => number;
  onPlan(plan: Plan): void;
  onPublish(version: bigint): void;
  /** A pod did not take what it was told. */
  onRefused(address: string, reason: string): void;
}

/** What pods shall come to hold. */
export interface Target {
  plan: Plan;
  /** [layers] of each pod of the plan, by address. */
  layout: ReadonlyMap<string, readonly (readonly number[])[]>;
  /** The pods that the plan is for. */
  key: string;
  atMs: number;
  unixMs: number;
}

/** Compares what pods hold with what they shall hold, turn by turn, and does what brings them nearer. */
export class Placer {
  readonly feed = new PlacementFeed();
  artifact: Artifact | null = null;
  load: LoadBook | null = null;
  target: Target | null = null;
  /** Pods of the artifact, as of the last turn. */
  members: readonly Member[] = [];
  /** Whether this router plans, as of the last turn. */
  writes = false;
  private readonly orders = new Orders();
  /** What the last turn went by: while it is the same there is nothing to do. */
  private inputs: readonly unknown[] = [];
  private published = Buffer.alloc(0);
  private key = '';
  private keySinceMs = 0;
  private renewedMs = Number.NEGATIVE_INFINITY;
  private readonly startedMs: number;

  constructor(
    private readonly fleet: PodFleet,
    private readonly versions: VersionClock,
    private readonly lease: WriterLease,
    private readonly options: PlacerOptions,
  ) {
    this.startedMs = options.now();
  }

  /** Why it is as it is. */
  get reason(): string {
    if (!this.fleet.acquainted) return 'not every expert pod has been tried yet';
    if (!this.artifact) return 'no expert pod has said yet what it is of';
    if (!this.writes) return 'another expert-router plans, or did until a moment ago';
    return this.target?.plan.reason ?? 'waiting for pods that come and go';
  }

  /** Does what there is to do now. Quick where nothing has changed. */
  turn(): void {
    if (!this.fleet.acquainted) return;
    const nowMs = this.options.now();
    const links = this.fleet.pods();
    const moment = { nowMs, lostMs: this.options.lostMs };
    this.place(artifactOf(links, this.artifact, moment));
    const { artifact } = this;
    if (!artifact) return;
    this.members = membersOf(links, artifact, moment);
    for (const { link, state } of this.members) {
      this.versions.heard(state.assignedVersion);
      if (!link.up || !this.orders.overruled(link, state, nowMs)) continue;
      this.target = null;
      this.lease.heard(nowMs, this.versions.ageMs(state.assignedVersion));
    }
    this.writes = this.lease.mayWrite(nowMs);
    if (this.writes && !this.awaited(nowMs)) this.plan(artifact, nowMs);
    const renew = this.writes && nowMs - this.renewedMs >= this.lease.renewMs;
    if (!this.changed() && !renew) return;
    if (!this.writes) {
      this.publish(artifact, null);
      return;
    }
    const next = this.nextOf(artifact);
    this.publish(artifact, next);
    this.order(artifact, next, renew, nowMs);
  }

  /** A thinker goes by this version: what it is told next is newer. */
  heard(version: bigint): void {
    this.versions.heard(version);
    const { latest } = this.feed;
    if (latest && latest.version <= version) this.announce({ ...latest, version: this.versions.next() });
  }

  private place(artifact: Artifact | null): void {
    if (artifact?.digest === this.artifact?.digest) return;
    this.artifact = artifact;
    this.target = null;
    this.load = artifact ? new LoadBook(artifact, this.options.windowMs) : null;
  }

  /** Whether a pod has not been heard of that may only be slow: what it holds is not known. */
  private awaited(nowMs: number): boolean {
    return this.fleet
      .pods()
      .some(
        ({ last, up, leaving, downSince }) =>
          last === null && !up && !leaving && nowMs - downSince < this.options.lostMs,
      );
  }

  private plan({ layers, experts }: Artifact, nowMs: number): void {
    const staying = this.members.filter(({ stays }) => stays);
    const key = staying.map(({ link, state }) => `${link.address} ${state.capacity}`).join('\n');
    if (key !== this.key) {
      this.key = key;
      this.keySinceMs = nowMs;
    }
    if (nowMs - this.keySinceMs < this.options.settleMs) return;
    const due = nowMs - (this.target?.atMs ?? this.startedMs) >= this.options.intervalMs;
    if (this.target?.key === key && !due) return;
    const current = staying.map(
      ({ link, state }) =>
        this.target?.layout.get(link.address) ??
        this.orders.told(link, state).map((told) => [...told].sort((a, b) => a - b)),
    );
    const plan = planPlacement(
      {
        pods: staying.map(({ link: { address, endpoint }, state }) => ({
          id: address,
          capacity: state.capacity,
          node: endpoint.node,
          zone: endpoint.zone,
        })),
        experts,
        current: Array.from({ length: layers }, (_, layer) => current.map((pod) => pod[layer]!)),
        tokens: this.load!.tokens(nowMs),
        mayRebalance: due,
      },
      this.options.policy,
    );
    const layout = new Map(
      staying.map(({ link }, pod) => [link.address, plan.layout.map((layer) => layer[pod]!)]),
    );
    // Between two plans for the balance lies the interval, however often pods come and go meanwhile.
    const atMs = due ? nowMs : (this.target?.atMs ?? this.startedMs);
    this.target = { plan, layout, key, atMs, unixMs: this.options.wallClock() };
    this.options.onPlan(plan);
  }

  /** [members][layers]: what each shall be told now. */
  private nextOf({ layers }: Artifact): number[][][] {
    const told = this.members.map(({ link, state }) => this.orders.told(link, state));
    const next = this.members.map(() => [] as number[][]);
    for (let layer = 0; layer < layers; layer++) {
      const holders = this.members.map(({ link, state, stays }, at) => ({
        capacity: state.capacity,
        held: state.held[layer]!,
        told: told[at]![layer]!,
        stays: stays && link.up,
      }));
      const target = this.members.map(
        ({ link }, at) => this.target?.layout.get(link.address)?.[layer] ?? [...told[at]![layer]!],
      );
      for (const [at, experts] of nextHoldings(holders, target).entries()) next[at]!.push(experts);
    }
    return next;
  }

  private publish(artifact: Artifact, next: readonly number[][][] | null): void {
    const kept = new Map(
      this.members.map((member, at) => [member, next?.[at]?.map((layer) => new Set(layer))]),
    );
    const message = placementMessage(
      artifact,
      this.members,
      (member, layer, expert) => kept.get(member)?.[layer]?.has(expert) ?? true,
    );
    const content = Buffer.from(Placement.encode(message).finish());
    if (content.equals(this.published)) return;
    this.published = content;
    this.announce({ ...message, version: this.versions.next() });
  }

  private announce(placement: Placement): void {
    this.feed.publish(placement);
    this.options.onPublish(placement.version);
  }

  private order({ digest }: Artifact, next: readonly number[][][], renew: boolean, nowMs: number): void {
    if (renew) this.renewedMs = nowMs;
    let version: bigint | null = null;
    for (const [at, { link, state, stays }] of this.members.entries()) {
      if (!link.up || !stays || this.orders.resting(link, nowMs)) continue;
      const told = this.orders.told(link, state);
      const same = next[at]!.every(
        (experts, layer) =>
          experts.length === told[layer]!.size && experts.every((expert) => told[layer]!.has(expert)),
      );
      if (same && !renew && !this.orders.missing(link)) continue;
      version ??= this.versions.next();
      this.orders.send(link, version, digest, next[at]!, this.options.now).catch((error: unknown) => {
        this.options.onRefused(link.address, error instanceof Error ? error.message : String(error));
      });
    }
  }

  /** Whether anything is different from the last turn. */
  private changed(): boolean {
    const inputs = [
      this.writes,
      this.target,
      ...this.members.flatMap(({ link, state, stays }) => [
        link,
        link.up,
        state,
        stays,
        this.orders.missing(link),
      ]),
    ];
    const same = inputs.length === this.inputs.length && inputs.every((one, at) => one === this.inputs[at]);
    this.inputs = inputs;
    // Who has no order of ours is told until it takes it.
    return (
      !same ||
      (this.writes && this.members.some(({ link, stays }) => stays && link.up && this.orders.missing(link)))
    );
  }
}
