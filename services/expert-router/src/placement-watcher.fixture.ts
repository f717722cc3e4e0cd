import type { ExpertRouterServiceDefinition, Placement } from '@zen/contracts';
import type { RpcClient } from '@zen/rpc';

/** What a thinker sees: follows placements, and fails where a version does not rise. */
export class PlacementWatcher {
  readonly seen: Placement[] = [];
  private readonly stopping = new AbortController();
  private wake = () => {};
  private failure: unknown = null;
  private readonly running: Promise<void>;

  constructor(
    private readonly rpc: Pick<RpcClient<typeof ExpertRouterServiceDefinition>, 'watchPlacement'>,
    private readonly artifactDigest: string,
    /** Of the placement that it had from another router. */
    private readonly knownVersion = 0n,
  ) {
    this.running = this.follow();
  }

  /** The first placement, the latest included, of which `condition` is true. */
  async until(condition: (placement: Placement) => boolean): Promise<Placement> {
    let from = Math.max(0, this.seen.length - 1);
    const late = Date.now() + 30_000;
    while (Date.now() < late) {
      if (this.failure) throw this.failure;
      for (; from < this.seen.length; from++) if (condition(this.seen[from]!)) return this.seen[from]!;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, 100);
      });
    }
    throw new Error(`did not come about; last: ${JSON.stringify(this.seen.at(-1)?.layers)}`);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    try {
      const { artifactDigest, knownVersion } = this;
      for await (const placement of this.rpc.watchPlacement({ artifactDigest, knownVersion }, { signal })) {
        const last = this.seen.at(-1)?.version ?? knownVersion;
        if (placement.version <= last) throw new Error(`version ${placement.version} after ${last}`);
        this.seen.push(placement);
        this.wake();
      }
    } catch (error) {
      if (!signal.aborted) this.failure = error;
    }
  }
}
