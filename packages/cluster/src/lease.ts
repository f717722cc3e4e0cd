import { pause } from '@zen/pause';
import type { ApiServer } from './api-server';
import { ClusterError } from './cluster-error';
import type { ApiRequest } from './request';
import { send } from './send';

export interface LeaseName {
  /** Empty: the process's own. */
  namespace: string;
  name: string;
}

export interface Candidate {
  /** Of this process alone: two with one name would both hold the lease. */
  identity: string;
  /** Seconds after which a holder that was not heard has lost it. */
  durationS: number;
  /** Milliseconds between two renewals; well below the duration. */
  renewMs: number;
  /** A clock that never goes back, milliseconds. */
  now: () => number;
  /** In [0, 1): spreads the attempts of several. */
  random: () => number;
  /** Leads until `lost` is aborted, which happens before anybody else can take the lease. */
  lead(lost: AbortSignal): Promise<void>;
  onTrouble(error: ClusterError): void;
}

interface Lease {
  metadata: { name: string; namespace: string; resourceVersion?: string };
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    leaseTransitions?: number;
    acquireTime?: string;
    renewTime?: string;
  };
}

type Attempt = { t: 'held'; lease: Lease } | { t: 'taken' } | { t: 'failed' };

/** Part of the duration in which a renewal must succeed, so that the holder stops before another begins. */
const SAFE = 2 / 3;

/**
 * Competes for a Lease until `signal` is aborted, and leads whenever it holds it. Nobody's clock is believed: a holder
 * counts as gone when its Lease has not changed for its whole duration on our own clock, however its times read. Gives
 * the lease back at the end, so that another need not wait for it.
 */
export async function holdLease(
  server: ApiServer,
  { namespace, name }: LeaseName,
  candidate: Candidate,
  signal: AbortSignal,
): Promise<void> {
  const { identity, durationS, renewMs, now, random, lead, onTrouble } = candidate;
  const folder = `/apis/coordination.k8s.io/v1/namespaces/${namespace || server.namespace}/leases`;
  /** The newest version of another's lease, and when it was first seen. */
  let seen = { version: '', atMs: 0 };
  let held: Lease | undefined;

  async function read(): Promise<Lease | undefined> {
    try {
      return await send<Lease>(server, { method: 'GET', path: `${folder}/${name}` }, signal);
    } catch (error) {
      if (error instanceof ClusterError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Takes or renews it, unless it is another's. The resource version makes sure that only one does. */
  async function take(): Promise<Attempt> {
    const found = held ?? (await read());
    const { holderIdentity = '', leaseDurationSeconds = durationS } = found?.spec ?? {};
    const ours = holderIdentity === identity;
    if (found && !ours && holderIdentity !== '') {
      const version = found.metadata.resourceVersion ?? '';
      if (version !== seen.version) seen = { version, atMs: now() };
      if (now() - seen.atMs < leaseDurationSeconds * 1000) return { t: 'taken' };
    }
    const time = new Date().toISOString().replace('Z', '000Z');
    const { leaseTransitions = 0, acquireTime = time } = found?.spec ?? {};
    const body: Lease & { apiVersion: string; kind: string } = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: found?.metadata ?? { name, namespace: namespace || server.namespace },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: durationS,
        acquireTime: ours ? acquireTime : time,
        renewTime: time,
        leaseTransitions: leaseTransitions + (ours || !found ? 0 : 1),
      },
    };
    const asked: ApiRequest = found
      ? { method: 'PUT', path: `${folder}/${name}`, body }
      : { method: 'POST', path: folder, body };
    return { t: 'held', lease: await send<Lease>(server, asked, signal) };
  }

  async function attempt(): Promise<Attempt> {
    try {
      return await take();
    } catch (error) {
      const known = error instanceof ClusterError ? error : new ClusterError((error as Error).message);
      // Somebody was faster, or our own write came through although its answer did not: it has to be read again.
      if (known.status === 409) held = undefined;
      else if (!signal.aborted) onTrouble(known);
      return { t: 'failed' };
    }
  }

  /** Renews until it fails for too long, is another's, or `ended` is aborted. */
  async function keep(ended: AbortSignal): Promise<void> {
    const patienceMs = SAFE * durationS * 1000;
    let renewedMs = now();
    let waitMs = renewMs;
    for (;;) {
      await pause(waitMs, ended);
      if (ended.aborted) return;
      const askedMs = now();
      const result = await withDeadline(attempt(), renewedMs + patienceMs - askedMs);
      if (result?.t === 'held') {
        held = result.lease;
        renewedMs = askedMs;
        waitMs = renewMs;
      } else if (result?.t === 'failed' && now() - renewedMs < patienceMs) {
        waitMs = renewMs / 4;
      } else {
        if (result?.t === 'taken') held = undefined;
        return;
      }
    }
  }

  async function giveBack(lease: Lease): Promise<void> {
    const body = { ...lease, spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
    const soon = AbortSignal.timeout(5000);
    await send(server, { method: 'PUT', path: `${folder}/${name}`, body }, soon).catch(onTrouble);
  }

  while (!signal.aborted) {
    const result = await attempt();
    if (result.t !== 'held') {
      await pause(renewMs * (0.5 + random()), signal);
      continue;
    }
    held = result.lease;
    const over = new AbortController();
    const leading = lead(AbortSignal.any([signal, over.signal])).finally(() => over.abort());
    await keep(AbortSignal.any([signal, over.signal]));
    over.abort();
    try {
      await leading;
    } finally {
      if (held) await giveBack(held);
      held = undefined;
    }
  }
}

/** Undefined when it takes longer. */
async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
