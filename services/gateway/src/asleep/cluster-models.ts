import {
  type ApiServer,
  type ClusterError,
  type Endpoint,
  type EndpointSource,
  type FollowOptions,
  follow,
  followSelectedEndpoints,
  MERGE_PATCH,
  send,
} from '@zen/cluster';

import { type DeclaredModel, type ModelResource, readDeclaredModel } from './declared-model';
import type { ModelBook } from './model-book';

/** EndpointSlices of all models' thinkers have it. */
const LABEL = 'zen.hanzo.ai/zenmodel';
const PATCH_MS = 10_000;

export interface ClusterModelsOptions extends FollowOptions {
  /** Empty: the process's own. */
  namespace: string;
  wallClock: () => number;
  onChange(): void;
  onTrouble(what: string, error: ClusterError): void;
}

/** The ZenModels of a namespace and their thinkers, followed by two watches. */
export class ClusterModels implements ModelBook, EndpointSource {
  private models = new Map<string, DeclaredModel>();

  constructor(
    private readonly server: ApiServer,
    private readonly options: ClusterModelsOptions,
  ) {}

  find(model: string): DeclaredModel | undefined {
    return this.models.get(model);
  }

  all(): readonly DeclaredModel[] {
    return [...this.models.values()];
  }

  /** Says nothing before it knows the models too: who asks for one that sleeps must not hear that there is none. */
  async follow(onSet: (endpoints: readonly Endpoint[]) => void, signal: AbortSignal): Promise<void> {
    const { onTrouble, onChange } = this.options;
    let known = false;
    let endpoints: readonly Endpoint[] | undefined;
    const tell = () => {
      if (known && endpoints) onSet(endpoints);
    };
    await Promise.all([
      follow<ModelResource & { metadata?: { name?: string } }>(
        this.server,
        this.path(),
        {},
        {
          onChange: (objects) => {
            const declared = objects.flatMap((object) => readDeclaredModel(object) ?? []);
            this.models = new Map(declared.map((one) => [one.model, one]));
            if (!known) {
              known = true;
              tell();
            }
            onChange();
          },
          onTrouble: (error) => onTrouble('models', error),
        },
        this.options,
        signal,
      ),
      followSelectedEndpoints(
        this.server,
        { namespace: this.options.namespace, labelSelector: LABEL, port: 'grpc' },
        {
          onChange: (set) => {
            endpoints = set;
            tell();
          },
          onTrouble: (error) => onTrouble('endpoints', error),
        },
        this.options,
        signal,
      ),
    ]);
  }

  /** Sets the number of thinkers, unless the model has changed since it was read: then it may be awake already. */
  async wake({ name, resourceVersion, wake }: DeclaredModel): Promise<void> {
    const body = { metadata: { resourceVersion }, spec: { replicas: wake.replicas } };
    await this.patch(`${this.path()}/${name}/scale`, body);
  }

  /** Its time is for people: the operator goes by the change, not by the clock. */
  async used({ name }: DeclaredModel): Promise<void> {
    const lastUsedTime = new Date(this.options.wallClock()).toISOString();
    await this.patch(`${this.path()}/${name}/status`, { status: { lastUsedTime } });
  }

  private path(): string {
    const namespace = this.options.namespace || this.server.namespace;
    return `/apis/zen.hanzo.ai/v1alpha1/namespaces/${namespace}/zenmodels`;
  }

  private async patch(path: string, body: object): Promise<void> {
    const asked = { method: 'PATCH', path, body, contentType: MERGE_PATCH } as const;
    await send(this.server, asked, AbortSignal.timeout(PATCH_MS));
  }
}
