import type { LayerLayout, PlacementPod } from './placement-pod';

/** Who holds what in one layer, and what each pod then carries, while it is being changed. */
export class LayerBoard {
  /** [pods] */
  readonly held: Set<number>[];
  /** Tokens that each pod carries, when those of an expert are shared equally by its holders; [pods]. */
  readonly load: Float64Array;
  /** Holders of each expert; [experts]. */
  readonly copies: Int32Array;
  /** Sum of `load`: experts that nobody holds are not in it. */
  private carried = 0;

  constructor(
    readonly pods: readonly PlacementPod[],
    /** Tokens of each expert, above 0; [experts]. */
    readonly weights: ArrayLike<number>,
    layout: LayerLayout,
  ) {
    this.held = pods.map(() => new Set<number>());
    this.load = new Float64Array(pods.length);
    this.copies = new Int32Array(weights.length);
    for (const [pod, experts] of layout.entries()) for (const expert of experts) this.add(pod, expert);
  }

  get experts(): number {
    return this.weights.length;
  }

  /** Experts that a pod still takes. */
  room(pod: number): number {
    return Math.min(this.pods[pod]!.capacity, this.experts) - this.held[pod]!.size;
  }

  /** Tokens that each holder of an expert carries. */
  share(expert: number): number {
    return this.weights[expert]! / this.copies[expert]!;
  }

  /** Mean load of a pod. */
  get mean(): number {
    return this.carried / this.pods.length;
  }

  /** Largest load of a pod, divided by the mean; 1 where nothing is carried. */
  get balance(): number {
    return this.carried > 0 ? this.largest / this.mean : 1;
  }

  get largest(): number {
    let largest = 0;
    for (const load of this.load) largest = Math.max(largest, load);
    return largest;
  }

  add(pod: number, expert: number): void {
    const copies = this.copies[expert]!;
    const weight = this.weights[expert]!;
    if (copies > 0) this.shift(expert, weight / (copies + 1) - weight / copies);
    else this.carried += weight;
    this.held[pod]!.add(expert);
    this.copies[expert] = copies + 1;
    this.load[pod]! += weight / (copies + 1);
  }

  remove(pod: number, expert: number): void {
    const copies = this.copies[expert]!;
    const weight = this.weights[expert]!;
    this.held[pod]!.delete(expert);
    this.copies[expert] = copies - 1;
    this.load[pod]! -= weight / copies;
    if (copies > 1) this.shift(expert, weight / (copies - 1) - weight / copies);
    else this.carried -= weight;
  }

  /** 1 where all holders of an expert are on this pod's machine, 1/2 where they are in its zone, else 0. */
  clash(pod: number, expert: number): number {
    if (this.copies[expert] === 0) return 0;
    const { node, zone } = this.pods[pod]!;
    let sameNode = node !== '';
    let sameZone = zone !== '';
    for (const [other, held] of this.held.entries()) {
      if (other === pod || !held.has(expert)) continue;
      sameNode &&= this.pods[other]!.node === node;
      sameZone &&= this.pods[other]!.zone === zone;
    }
    if (sameNode) return 1;
    return sameZone ? 0.5 : 0;
  }

  /**
   * Whether an expert is on two machines or more once `without` has dropped it and `plus` has it, or need not be: it
   * was not before. A pod whose machine is unknown counts as a machine.
   */
  staysApart(expert: number, without: number, plus: number | null = null): boolean {
    return !this.isApart(expert, -1, null) || this.isApart(expert, without, plus);
  }

  private isApart(expert: number, without: number, plus: number | null): boolean {
    let first: string | null = null;
    for (const [pod, held] of this.held.entries()) {
      if (pod === without || !(held.has(expert) || pod === plus)) continue;
      const machine = this.pods[pod]!.node || `pod ${pod}`;
      first ??= machine;
      if (machine !== first) return true;
    }
    return false;
  }

  layout(): number[][] {
    return this.held.map((held) => [...held].sort((a, b) => a - b));
  }

  private shift(expert: number, by: number): void {
    for (const [pod, held] of this.held.entries()) if (held.has(expert)) this.load[pod]! += by;
  }
}
