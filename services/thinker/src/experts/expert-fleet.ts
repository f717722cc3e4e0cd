import type { ExpertPod } from './expert-pod';
import type { MixtureShape, PlacementMap } from './placement-map';

/** A pod as the fleet sees it. */
export interface FleetPod extends ExpertPod {
  /** Highest stage that it answers; −1 while it is not connected. */
  readonly stage: number;
  /** It says that it goes: asked only for what nobody else has. */
  readonly draining: boolean;
  stop(): Promise<void>;
}

export interface FleetOptions {
  shape: MixtureShape;
  /** [layers × experts]: the highest stage at which this process computes the expert itself, −1 for none. */
  resident: Int8Array;
  open(address: string): FleetPod;
  nowMs(): number;
}

/** How the pairs (layer, expert) of a model can be had at a stage. */
export interface Coverage {
  local: number;
  remote: number;
  standInOnly: number;
  missing: number;
}

/** Whoever moves from a placement to the next may ask as the last one says for so long. */
const GRACE_MS = 10_000;
/** What a pod said that it does not hold is not asked of it for so long, or until the next placement. */
const NOT_HELD_MS = 5000;

/** The pods of the placement in use, and of the one before it for a while. */
export class ExpertFleet {
  private current: PlacementMap | null = null;
  private previous: { map: PlacementMap; untilMs: number } | null = null;
  private readonly pods = new Map<string, FleetPod>();
  private readonly refusals = new Map<string, number>();
  private readonly ends = new Set<Promise<void>>();

  constructor(private readonly options: FleetOptions) {}

  get version(): bigint {
    return this.current?.version ?? 0n;
  }

  place(map: PlacementMap): void {
    const { open, nowMs } = this.options;
    this.tidy();
    if (this.current) this.previous = { map: this.current, untilMs: nowMs() + GRACE_MS };
    this.current = map;
    this.refusals.clear();
    for (const { address } of map.pods) if (!this.pods.has(address)) this.pods.set(address, open(address));
  }

  /** Who may compute this expert at this stage now; as the placement before says where nobody of this one can. */
  holders(layer: number, expert: number, stage: number): readonly FleetPod[] {
    const now = this.usable(this.current, layer, expert, stage);
    if (now.length > 0) return now;
    this.tidy();
    return this.usable(this.previous?.map ?? null, layer, expert, stage);
  }

  notHeld(pod: ExpertPod, layer: number, expert: number): void {
    this.refusals.set(refusalKey(pod, layer, expert), this.options.nowMs() + NOT_HELD_MS);
  }

  /** Pods of the placement in use that can be asked, and those that cannot. */
  get connected(): { up: number; down: number } {
    const all = this.current?.pods ?? [];
    const up = all.filter(({ address }) => (this.pods.get(address)?.stage ?? -1) >= 0).length;
    return { up, down: all.length - up };
  }

  coverage(stage: number): Coverage {
    const { shape, resident } = this.options;
    const seen: Coverage = { local: 0, remote: 0, standInOnly: 0, missing: 0 };
    for (let layer = 0; layer < shape.layers; layer++) {
      for (let expert = 0; expert < shape.experts; expert++) {
        const own = resident[layer * shape.experts + expert] as number;
        if (own >= stage) seen.local++;
        else if (this.holders(layer, expert, stage).length > 0) seen.remote++;
        else if (own >= 0) seen.standInOnly++;
        else seen.missing++;
      }
    }
    return seen;
  }

  async close(): Promise<void> {
    for (const pod of this.pods.values()) this.ends.add(pod.stop());
    this.pods.clear();
    await Promise.all(this.ends);
  }

  private usable(map: PlacementMap | null, layer: number, expert: number, stage: number): FleetPod[] {
    const found: FleetPod[] = [];
    const going: FleetPod[] = [];
    for (const { address } of map?.holders(layer, expert) ?? []) {
      const pod = this.pods.get(address);
      if (!pod || pod.stage < stage || this.refuses(pod, layer, expert)) continue;
      (pod.draining ? going : found).push(pod);
    }
    return found.length > 0 ? found : going;
  }

  private refuses(pod: FleetPod, layer: number, expert: number): boolean {
    if (this.refusals.size === 0) return false;
    const untilMs = this.refusals.get(refusalKey(pod, layer, expert));
    return untilMs !== undefined && this.options.nowMs() < untilMs;
  }

  /** Lets go of the placement before when its time is over, and of pods that only it had. */
  tidy(): void {
    if (!this.previous || this.options.nowMs() < this.previous.untilMs) return;
    this.previous = null;
    const kept = new Set(this.current?.pods.map(({ address }) => address));
    for (const [address, pod] of this.pods) {
      if (kept.has(address)) continue;
      this.pods.delete(address);
      const end = pod.stop().finally(() => this.ends.delete(end));
      this.ends.add(end);
    }
  }
}

const refusalKey = ({ address }: ExpertPod, layer: number, expert: number) => `${address} ${layer} ${expert}`;
