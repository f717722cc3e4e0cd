import { ExpertFloor, Priority } from '@zen/contracts';
import type { Objective } from '@zen/quality';

/** What a key allows. Absent limits are no limits. */
export interface Tenant {
  name: string;
  /** Whose limits these are: each key has its own, even within one tenant. */
  keyId: string;
  requestsPerMinute: number | null;
  /** Prompt and completion tokens together. */
  tokensPerMinute: number | null;
  /** Answers being produced at once. */
  streams: number | null;
  /** Of files under /artifacts, which count against nothing else. */
  artifactRequestsPerMinute: number | null;
  artifactBytesPerMinute: number | null;
  /** Its share against other tenants while requests wait; 1 is ordinary. */
  weight: number;
  minStage: number;
  objective: Partial<Objective>;
  /** How far its answers may fall where experts are away and the request does not say; UNSPECIFIED: the default. */
  expertFloor: ExpertFloor;
  /** The highest priority that its requests may have, and their default. */
  priority: Priority;
  /** What it may do with its tenant's deltas. */
  deltas: DeltaRight;
  /** Which alias answers a request that says whom it is for, with `{user}` in it; null for none. */
  userDelta: string | null;
}

/** Each may what those before it may: ask for deltas and look at them; publish and move aliases; delete and erase. */
export const DELTA_RIGHTS = ['none', 'use', 'publish', 'admin'] as const;
export type DeltaRight = (typeof DELTA_RIGHTS)[number];

/** Whoever calls where no key is needed. */
export const ANONYMOUS: Tenant = {
  name: 'anonymous',
  keyId: 'anonymous',
  requestsPerMinute: null,
  tokensPerMinute: null,
  streams: null,
  artifactRequestsPerMinute: null,
  artifactBytesPerMinute: null,
  weight: 1,
  minStage: 0,
  objective: {},
  expertFloor: ExpertFloor.EXPERT_FLOOR_UNSPECIFIED,
  priority: Priority.PRIORITY_INTERACTIVE,
  deltas: 'admin',
  userDelta: null,
};

/** A request's priority: what it asks for, at most what its tenant may have. */
export function allowedPriority(asked: Priority, tenant: Tenant): Priority {
  if (asked === Priority.PRIORITY_UNSPECIFIED || asked === Priority.UNRECOGNIZED) {
    return Math.min(Priority.PRIORITY_NORMAL, tenant.priority);
  }
  return Math.min(asked, tenant.priority);
}
