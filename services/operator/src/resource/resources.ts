import type { KubeObject } from './kube-object';

/** Where a ladder is: exactly one of address, image, hostPath and claim, as the resource's rules see to. */
export interface LadderSource {
  address?: string;
  image?: string;
  hostPath?: string;
  claim?: string;
  /** Folder inside image, hostPath or claim. */
  path?: string;
}

export interface PodResources {
  requests?: Record<string, string | number>;
  limits?: Record<string, string | number>;
}

export type Phase = 'Serving' | 'Starting' | 'Asleep' | 'Draining' | 'Blocked';

export interface Condition {
  type: 'Ready' | 'Reconciled';
  status: 'True' | 'False';
  observedGeneration: number;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

/** What the operator says of either kind. */
export interface Status {
  observedGeneration: number;
  replicas: number;
  readyReplicas: number;
  selector: string;
  phase: Phase;
  /** Of a model: the pool that its thinkers follow; of a pool: `host:port` of its router. */
  pool?: string;
  router?: string;
  conditions: Condition[];
}

/** A ZenModel as the API server gives it: its schema has filled in every default. */
export interface ZenModel extends KubeObject {
  kind: 'ZenModel';
  spec: {
    model: string;
    source: LadderSource;
    replicas: number;
    minReplicas: number;
    idleAfterSeconds: number;
    minStage: number;
    standInStage: number;
    wake: { onDemand: boolean; replicas: number; holdSeconds: number };
    resources?: PodResources;
    env?: Record<string, string>;
  };
  status?: Partial<Status> & { lastUsedTime?: string };
}

/** An ExpertPool, likewise. */
export interface ExpertPool extends KubeObject {
  kind: 'ExpertPool';
  spec: {
    model: string;
    source?: LadderSource;
    expertsPerPod: number;
    replicas: number;
    redundancy: number;
    stage: number;
    resources?: PodResources;
    env?: Record<string, string>;
  };
  status?: Partial<Status>;
}
