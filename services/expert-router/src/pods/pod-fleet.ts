import type { Endpoint, EndpointSource } from '@zen/cluster';
import { type LinkOptions, PodLink } from './pod-link';

/** All expert pods that the sources name, and those that are leaving but still speak. */
export class PodFleet {
  private readonly links = new Map<string, PodLink>();
  private readonly stopping = new AbortController();
  private following: Promise<void>[] = [];
  /** What each source said last; undefined before it has said anything. */
  private readonly sets: (readonly Endpoint[] | undefined)[];

  private readonly options: LinkOptions;

  constructor(
    private readonly sources: readonly EndpointSource[],
    options: LinkOptions,
  ) {
    this.sets = sources.map(() => undefined);
    this.options = {
      ...options,
      onChange: () => {
        this.dismiss();
        options.onChange();
      },
    };
  }

  start(): void {
    this.following = this.sources.map((source, at) =>
      source.follow((endpoints) => {
        this.sets[at] = endpoints;
        this.place(new Map(this.sets.flatMap((set) => set ?? []).map((one) => [one.address, one])));
        this.options.onChange();
      }, this.stopping.signal),
    );
  }

  /**
   * Every source has spoken, and each pod that they named has been reached or has failed once: who publishes before
   * would take from thinkers what they have.
   */
  get acquainted(): boolean {
    return this.sets.every((set) => set !== undefined) && this.pods().every(({ tried }) => tried);
  }

  /** By address, so that whoever knows the same pods has them in the same order. */
  pods(): PodLink[] {
    return [...this.links.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.following);
    await Promise.all([...this.links.values()].map((link) => link.stop()));
  }

  private place(endpoints: ReadonlyMap<string, Endpoint>): void {
    for (const [address, link] of this.links) link.leaving = !endpoints.has(address);
    for (const [address, endpoint] of endpoints) {
      if (!this.links.has(address)) this.links.set(address, new PodLink(endpoint, this.options));
    }
  }

  /** Those that are leaving and do not speak any more. */
  private dismiss(): void {
    for (const [address, link] of this.links) {
      if (!link.leaving || link.up || !link.tried) continue;
      this.links.delete(address);
      void link.stop();
    }
  }
}
