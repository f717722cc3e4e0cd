import type { KubeObject } from '../resource/kube-object';
import type { ExpertPool, Status, ZenModel } from '../resource/resources';

export interface Note {
  type: 'Normal' | 'Warning';
  /** CamelCase, from a closed set. */
  reason: string;
  message: string;
}

/** What is to be done for one resource so that the cluster is as its spec wants it. */
export interface Plan {
  resource: ZenModel | ExpertPool;
  /** Whether the finalizer has to be there. */
  finalizer: boolean;
  /** Objects that it wants; those that are so already are not written. */
  wanted: KubeObject[];
  /** Objects of its that it no longer wants. */
  unwanted: KubeObject[];
  /** spec.replicas is to become this: an idle model goes to sleep. */
  replicas?: number;
  /** Without it the status stays. */
  status?: Status;
  notes: Note[];
  /** Look again after this, although nothing has been heard. */
  againMs?: number;
}
