import type { EndpointSource } from '@zen/cluster';
import type { DescribeResponse } from '@zen/contracts';
import type { Member, RungGroup } from '@zen/quality';
import type { DeclaredModel } from '../asleep/declared-model';
import { type ModelBook, NO_BOOK } from '../asleep/model-book';
import { GatewayError } from '../gateway-error';
import type { Family } from './families';
import { type LinkOptions, ReplicaLink } from './replica-link';
import { Traffic } from './traffic';

export interface FleetOptions extends LinkOptions {
  sources: readonly EndpointSource[];
  families: readonly Family[];
  /** Models that are known before a thinker of theirs is. */
  book?: ModelBook;
}

/** The replicas of one model, or of all members of a family, that can be asked now, and what its traffic is like. */
export interface Group {
  /** The name that requests use. */
  model: string;
  /** The model alone, or the members of the family, the best one first. */
  members: readonly Member[];
  /** The family that a model answers for as well; empty for none. */
  family: string;
  links: ReplicaLink[];
  traffic: Traffic;
  /** No request is answered below this stage. */
  minStage: number;
}

/** The group as the policy sees it, with all replicas that are connected. */
export function rungGroup({ model, members, links }: Group): RungGroup {
  return { key: model, members, replicas: links.flatMap((link) => link.view() ?? []) };
}

/** All thinkers, grouped by the model that they serve. */
export class Fleet {
  private readonly links = new Map<string, ReplicaLink>();
  /** Every model ever seen: one whose replicas are all down is unavailable, not unknown. */
  private readonly traffic = new Map<string, Traffic>();
  private readonly stopping = new AbortController();
  private following: Promise<void>[] = [];
  /** What each source said last; undefined before it has said anything. */
  private readonly sets: (readonly string[] | undefined)[];
  private readonly linkOptions: LinkOptions;
  private readonly book: ModelBook;
  private met = () => {};
  /**
   * Resolves when every source has spoken and each thinker that they named has been reached or has failed once: who
   * takes requests before would refuse what a moment later could be answered.
   */
  readonly acquainted = new Promise<void>((resolve) => {
    this.met = resolve;
  });

  constructor(private readonly options: FleetOptions) {
    this.sets = options.sources.map(() => undefined);
    const onState: LinkOptions['onState'] = (...state) => {
      options.onState(...state);
      this.look();
    };
    this.book = options.book ?? NO_BOOK;
    const floorOf = (model: string) => this.book.find(model)?.minStage ?? 0;
    this.linkOptions = { ...options, onState, floorOf };
  }

  start(): void {
    this.following = this.options.sources.map((source, at) =>
      source.follow((endpoints) => {
        this.sets[at] = endpoints.map(({ address }) => address);
        this.place(new Set(this.sets.flatMap((set) => set ?? [])));
        this.look();
      }, this.stopping.signal),
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.following);
    await Promise.all([...this.links.values()].map((link) => link.stop()));
  }

  /** Models with at least one connected replica, by name. */
  models(): Group[] {
    const groups = new Map<string, Group>();
    for (const link of this.links.values()) {
      const model = link.about?.model;
      if (model === undefined) continue;
      const group = groups.get(model) ?? this.groupOf(model);
      group.links.push(link);
      groups.set(model, group);
    }
    return [...groups.values()].sort((a, b) => (a.model < b.model ? -1 : 1));
  }

  /** Families with at least one connected member, in the order of the configuration. */
  families(): Group[] {
    const models = this.models();
    return this.options.families.flatMap((family) => {
      const group = this.familyOf(family, models);
      return group.links.length > 0 ? [group] : [];
    });
  }

  /** Members that are connected but left out of their family, because their tokens mean something else. */
  misfits(): string[] {
    const models = this.models();
    return this.options.families.flatMap((family) => {
      const { links } = this.familyOf(family, models);
      const all = models.filter(({ model }) => family.members.some((member) => member.model === model));
      return all
        .flatMap((group) => group.links)
        .flatMap((link) => (links.includes(link) ? [] : [link.address]));
    });
  }

  /** The group of a model or family; an empty name means the only model. */
  group(name: string): Group {
    const groups = this.models();
    const family = this.options.families.find((one) => one.name === name);
    if (family) {
      const group = this.familyOf(family, groups);
      if (group.links.length > 0) return group;
      throw new GatewayError('unavailable', `no replica of the family "${name}" is connected`, {
        retryAfterS: 1,
      });
    }
    if (name === '' && groups.length > 1) {
      throw new GatewayError('invalid_request', 'model: several models are served, name one', {
        param: 'model',
      });
    }
    const group = name === '' ? groups[0] : groups.find(({ model }) => model === name);
    if (group) return group;
    const asleep = this.asleep();
    const nothing = groups.length + asleep.length === 0 || (name === '' && groups.length === 0);
    if (nothing || this.traffic.has(name) || this.book.find(name)) {
      const what = name === '' ? 'a model' : `the model "${shown(name)}"`;
      throw new GatewayError('unavailable', `no replica of ${what} is connected`, { retryAfterS: 1 });
    }
    const known = [...this.families(), ...groups, ...asleep].map(({ model }) => model).join(', ');
    const message = `the model "${shown(name)}" does not exist; served: ${known}`;
    throw new GatewayError('model_not_found', message, { param: 'model' });
  }

  /** Declared models without a connected replica, by name. */
  asleep(): readonly DeclaredModel[] {
    const connected = new Set([...this.links.values()].map(({ about }) => about?.model));
    return this.book
      .all()
      .filter(({ model }) => !connected.has(model))
      .sort((a, b) => (a.model < b.model ? -1 : 1));
  }

  /**
   * The declared model that a request of this name has to wait for; undefined where a replica can answer it, or where
   * nothing of the name is declared.
   */
  sleeperOf(name: string): DeclaredModel | undefined {
    const declared = this.book.all();
    if (declared.length === 0) return undefined;
    const family = this.options.families.find((one) => one.name === name);
    const [only] = declared.length === 1 && this.models().length === 0 ? declared : [];
    const alone = name === '' ? (only?.model ?? '') : name;
    const names = family ? family.members.map(({ model }) => model) : [alone];
    if (names.some((model) => this.canAnswer(model))) return undefined;
    return names.flatMap((model) => this.book.find(model) ?? [])[0];
  }

  /** Whether any answer of the model runs, this gateway's or another's. */
  isBusy(model: string): boolean {
    return [...this.links.values()].some((link) => link.about?.model === model && link.sequences > 0);
  }

  /** What the traffic of a name is like, also while nobody answers it. Throws what `group` would for any other name. */
  trafficTo(name: string): Traffic {
    const sleeper = this.sleeperOf(name);
    return sleeper ? this.trafficOf(sleeper.model) : this.group(name).traffic;
  }

  /** Whether some replica has a servable stage attached, or would be started for a request. */
  ready(): boolean {
    const models = [...this.links.values()].flatMap(({ about }) => about?.model ?? []);
    if (models.some((model) => this.canAnswer(model))) return true;
    return this.book.all().some(({ wake }) => wake.onDemand);
  }

  private canAnswer(model: string): boolean {
    return [...this.links.values()].some(
      (link) =>
        link.about?.model === model &&
        link.view()?.stages.some(({ servable, attached }) => servable && attached),
    );
  }

  /** Each replica's address and whether it is connected. */
  replicas(): { address: string; up: boolean }[] {
    return [...this.links.values()].map((link) => ({ address: link.address, up: link.about !== undefined }));
  }

  /** Whether the name is a model that was seen, or a family. */
  isModel(name: string): boolean {
    const known = this.traffic.has(name) || this.options.families.some((family) => family.name === name);
    const connected = [...this.links.values()].some(({ about }) => about?.model === name);
    return known || connected || this.book.find(name) !== undefined;
  }

  private groupOf(model: string): Group {
    const has = ({ members }: Family) => members.some((member) => member.model === model);
    const family = this.options.families.find(has)?.name ?? '';
    const minStage = this.book.find(model)?.minStage ?? 0;
    const members = [{ model, weight: 1 }];
    return { model, members, family, links: [], traffic: this.trafficOf(model), minStage };
  }

  private familyOf({ name, members }: Family, models: Group[]): Group {
    const groups = members.flatMap(({ model }) => models.filter((group) => group.model === model));
    const links = groups.flatMap((group) => group.links);
    const measure = links[0]?.about;
    const fits = ({ about }: ReplicaLink) =>
      measure !== undefined && about !== undefined && sameTokens(about, measure);
    const traffic = this.trafficOf(name);
    // Each member's own floor holds for it.
    return { model: name, members, family: '', links: links.filter(fits), traffic, minStage: 0 };
  }

  private trafficOf(model: string): Traffic {
    let traffic = this.traffic.get(model);
    if (!traffic) {
      traffic = new Traffic();
      this.traffic.set(model, traffic);
    }
    return traffic;
  }

  /** A new one is connected to at once; one that is gone gets nothing new, and what runs there ends by itself. */
  private look(): void {
    const links = [...this.links.values()];
    if (this.sets.every((set) => set !== undefined) && links.every(({ tried }) => tried)) this.met();
  }

  private place(addresses: ReadonlySet<string>): void {
    for (const address of addresses) {
      if (!this.links.has(address)) this.links.set(address, new ReplicaLink(address, this.linkOptions));
    }
    for (const [address, link] of this.links) {
      if (addresses.has(address)) continue;
      this.links.delete(address);
      void link.stop();
    }
  }
}

/** Prompts of token ids, logit biases and token counts must mean the same; 0 is a thinker that does not say. */
function sameTokens(a: DescribeResponse, b: DescribeResponse): boolean {
  return a.vocabSize === 0 || b.vocabSize === 0 || a.vocabSize === b.vocabSize;
}

/** A name from outside, short enough for an error. */
function shown(name: string): string {
  return name.length <= 64 ? name : `${name.slice(0, 64)}…`;
}
