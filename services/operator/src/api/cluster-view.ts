import { type ApiServer, type ClusterError, follow } from '@zen/cluster';
import type { KubeObject } from '../resource/kube-object';
import type { ExpertPool, ZenModel } from '../resource/resources';
import type { Pod, World } from '../world/world';
import { type Kind, MADE, MODELS, PODS, POOLS, pathOf, WATCHED } from './kinds';

export interface ViewOptions {
  namespace: string;
  /** A clock that never goes back, milliseconds. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  /** Seconds after which everything is listed anew. */
  relistS: number;
  onChange(): void;
  onTrouble(kind: Kind, error: ClusterError): void;
}

interface Part {
  objects: readonly KubeObject[];
  heardMs: number;
}

/** The operator's copy of the namespace: a watch for each kind, none of which ever gives up. */
export class ClusterView {
  private readonly parts = new Map<string, Part>();

  constructor(
    private readonly server: ApiServer,
    private readonly options: ViewOptions,
  ) {}

  /** Resolves once `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(WATCHED.map((kind) => this.follow(kind, signal)));
  }

  /** Whether everything was listed once: before, absence means nothing. */
  get synced(): boolean {
    return WATCHED.every(({ kind }) => this.parts.has(kind));
  }

  get world(): World {
    return {
      models: this.objectsOf(MODELS) as ZenModel[],
      pools: this.objectsOf(POOLS) as ExpertPool[],
      owned: MADE.flatMap((kind) => this.objectsOf(kind)),
      pods: this.objectsOf(PODS) as Pod[],
    };
  }

  find(kind: string, name: string): KubeObject | undefined {
    return this.parts.get(kind)?.objects.find(({ metadata }) => metadata.name === name);
  }

  /** Milliseconds since each kind was heard of; a kind that was never listed is not among them. */
  ages(): { kind: string; ageMs: number }[] {
    return [...this.parts].map(([kind, { heardMs }]) => ({ kind, ageMs: this.options.now() - heardMs }));
  }

  private objectsOf({ kind }: Kind): KubeObject[] {
    return [...(this.parts.get(kind)?.objects ?? [])];
  }

  private follow(kind: Kind, signal: AbortSignal): Promise<void> {
    const { namespace, now, random, relistS, onChange, onTrouble } = this.options;
    const query: Record<string, string> = kind.labelSelector ? { labelSelector: kind.labelSelector } : {};
    return follow<Partial<KubeObject>>(
      this.server,
      pathOf(kind, namespace),
      query,
      {
        onChange: (objects) => {
          // Items of a list do not say what they are.
          const named = objects.map(
            (one) => ({ ...one, apiVersion: kind.apiVersion, kind: kind.kind }) as KubeObject,
          );
          this.parts.set(kind.kind, { objects: named, heardMs: now() });
          onChange();
        },
        onTrouble: (error) => onTrouble(kind, error),
        onHeard: () => {
          const part = this.parts.get(kind.kind);
          if (part) part.heardMs = now();
        },
      },
      { random, relistS },
      signal,
    );
  }
}
