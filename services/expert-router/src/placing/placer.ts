import { type DescribePlacementResponse, Placement } from '@zen/contracts';
import { LoadWindow, nextHoldings, type Plan, type PlanPolicy, planPlacement } from '@zen/placement';
import type { PodFleet } from '../pods/pod-fleet';
import type { PodLink } from '../pods/pod-link';
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

/** Time after which a pod that did not take its order is told again. */
const RETRY_MS = 1000;

interface Target {
  plan: Plan;
  /** [pods of the plan][layers], by address. */
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
  window: LoadWindow | null = null;
  target: Target | null = null;
  reason = 'no expert pod has been heard of yet';
  private readonly orders = new Orders();
  private readonly refusedMs = new WeakMap<PodLink, number>();
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

  /** Does what there is to do now. Quick where nothing has changed. */
  turn(): void {
    if (!this.fleet.acquainted) return;
    const nowMs = this.options.now();
    this.window?.advance(nowMs);
    const links = this.fleet.pods();
    this.takeArtifact(artifactOf(links, this.artifact));
    const { artifact } = this;
    if (!artifact) return;
    const members = membersOf(links, artifact, { nowMs, lostMs: this.options.lostMs });
    for (const { link, state } of members) {
      this.versions.heard(state.assignedVersion);
      if (link.up && this.orders.overruled(link, state, nowMs)) {
        this.target = null;
        this.lease.heard(nowMs, this.versions.ageMs(state.assignedVersion));
      }
    }
    if (!this.lease.mayWrite(nowMs)) {
      this.reason = 'another expert-router plans, or did until a moment ago';
      this.publish(artifact, members);
      return;
    }
    this.plan(artifact, members, nowMs);
    const next = this.nextOf(members, artifact);
    this.publish(artifact, members, next);
    this.order(artifact, members, next, nowMs);
  }

  describe(): DescribePlacementResponse {
    const pods = this.fleet.pods().flatMap(({ last }) => (last ? [last.message] : []));
    return {
      placement: this.feed.latest ?? undefined,
      balance: this.target?.plan.balance ?? 0,
      plannedBalance: this.target?.plan.plannedBalance ?? 0,
      reason: this.reason,
      plannedUnixMs: BigInt(this.target?.unixMs ?? 0),
      window: Array.from(this.window?.tokens ?? [], (tokens) => BigInt(tokens)),
      pods,
    };
  }

  private takeArtifact(artifact: Artifact | null): void {
    if (artifact?.digest === this.artifact?.digest) return;
    this.artifact = artifact;
    this.target = null;
    this.window = artifact ? new LoadWindow(artifact.layers * artifact.experts, this.options.windowMs) : null;
  }

  private plan({ layers, experts }: Artifact, members: readonly Member[], nowMs: number): void {
    const staying = members.filter(({ stays }) => stays);
    const key = staying.map(({ link, state }) => `${link.address} ${state.capacity}`).join('\n');
    if (key !== this.key) {
      this.key = key;
      this.keySinceMs = nowMs;
    }
    if (nowMs - this.keySinceMs < this.options.settleMs) return;
    const due = nowMs - (this.target?.atMs ?? this.startedMs) >= this.options.intervalMs;
    if (this.target?.key === key && !due) return;
    const currentOf = ({ link, state }: Member) =>
      this.target?.layout.get(link.address) ??
      this.orders.told(link, state).map((told) => [...told].sort((a, b) => a - b));
    const current = staying.map(currentOf);
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
        tokens: this.window!.tokens,
        mayRebalance: due,
      },
      this.options.policy,
    );
    const layout = new Map(
      staying.map(({ link }, pod) => [link.address, plan.layout.map((layer) => layer[pod]!)]),
    );
    this.target = { plan, layout, key, atMs: nowMs, unixMs: this.options.wallClock() };
    this.reason = plan.reason;
    this.options.onPlan(plan);
  }

  /** [members][layers]: what each shall be told now. */
  private nextOf(members: readonly Member[], { layers }: Artifact): number[][][] {
    const told = members.map(({ link, state }) => this.orders.told(link, state));
    const next = members.map(() => [] as number[][]);
    for (let layer = 0; layer < layers; layer++) {
      const holders = members.map(({ link, state, stays }, at) => ({
        capacity: state.capacity,
        held: state.held[layer]!,
        told: told[at]![layer]!,
        stays: stays && link.up,
      }));
      const target = members.map(
        ({ link }, at) => this.target?.layout.get(link.address)?.[layer] ?? [...told[at]![layer]!],
      );
      for (const [at, experts] of nextHoldings(holders, target).entries()) next[at]!.push(experts);
    }
    return next;
  }

  private publish(artifact: Artifact, members: readonly Member[], next?: readonly number[][][]): void {
    const kept = new Map(members.map((member, at) => [member, next?.[at]?.map((layer) => new Set(layer))]));
    const message = placementMessage(0n, artifact, members, (member, layer, expert) => {
      return kept.get(member)?.[layer]?.has(expert) ?? true;
    });
    const content = Buffer.from(Placement.encode(message).finish());
    if (content.equals(this.published)) return;
    this.published = content;
    message.version = this.versions.next();
    this.feed.publish(message);
    this.options.onPublish(message.version);
  }

  private order(
    { digest }: Artifact,
    members: readonly Member[],
    next: readonly number[][][],
    nowMs: number,
  ): void {
    const renew = nowMs - this.renewedMs >= this.lease.renewMs;
    if (renew) this.renewedMs = nowMs;
    let version: bigint | null = null;
    for (const [at, { link, state, stays }] of members.entries()) {
      if (!link.up || !stays || nowMs - (this.refusedMs.get(link) ?? Number.NEGATIVE_INFINITY) < RETRY_MS)
        continue;
      const told = this.orders.told(link, state);
      const same = next[at]!.every(
        (experts, layer) =>
          experts.length === told[layer]!.size && experts.every((expert) => told[layer]!.has(expert)),
      );
      if (same && !renew) continue;
      version ??= this.versions.next();
      this.orders.send(link, version, digest, next[at]!, this.options.now).catch((error: unknown) => {
        this.refusedMs.set(link, this.options.now());
        this.options.onRefused(link.address, error instanceof Error ? error.message : String(error));
      });
    }
  }
}
