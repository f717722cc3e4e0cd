/**
 * A circuit breaker as a value: one function per transition, time passed in. Closed lets everything through;
 * `failuresToOpen` failures in a row open it; after `untilMs` one probe may pass (half-open), whose outcome closes
 * it or opens it for twice as long.
 */
export type Circuit =
  | { t: 'closed'; failures: number }
  | { t: 'open'; untilMs: number; openMs: number }
  | { t: 'half-open'; probeSinceMs: number; openMs: number };

export interface CircuitPolicy {
  failuresToOpen: number;
  /** How long it stays open the first time, and at most. */
  openMs: number;
  maxOpenMs: number;
}

export const DEFAULT_CIRCUIT: CircuitPolicy = { failuresToOpen: 3, openMs: 1000, maxOpenMs: 30_000 };

export const CLOSED: Circuit = { t: 'closed', failures: 0 };

/** Whether a request may pass now. */
export function allows(circuit: Circuit, nowMs: number): boolean {
  switch (circuit.t) {
    case 'closed':
      return true;
    case 'open':
      return nowMs >= circuit.untilMs;
    case 'half-open':
      // A probe whose end was never told (its caller went away) must not keep the circuit half open for good.
      return nowMs >= circuit.probeSinceMs + circuit.openMs;
  }
}

/** A request that `allows` let through starts. */
export function attempt(circuit: Circuit, nowMs: number): Circuit {
  return circuit.t === 'closed' ? circuit : { t: 'half-open', probeSinceMs: nowMs, openMs: circuit.openMs };
}

/** A request got its first answer. */
export function succeed(): Circuit {
  return CLOSED;
}

/** A request failed through the replica's fault. */
export function fail(circuit: Circuit, nowMs: number, policy: CircuitPolicy = DEFAULT_CIRCUIT): Circuit {
  switch (circuit.t) {
    case 'closed': {
      const failures = circuit.failures + 1;
      if (failures < policy.failuresToOpen) return { t: 'closed', failures };
      return { t: 'open', untilMs: nowMs + policy.openMs, openMs: policy.openMs };
    }
    case 'half-open': {
      const openMs = Math.min(circuit.openMs * 2, policy.maxOpenMs);
      return { t: 'open', untilMs: nowMs + openMs, openMs };
    }
    case 'open':
      // A request that had started before it opened says nothing new.
      return circuit;
  }
}
