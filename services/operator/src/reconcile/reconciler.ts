import { ClusterError } from '@zen/cluster';
import type { Logger } from '@zen/telemetry';
import type { ClusterView } from '../api/cluster-view';
import { type ClusterWriter, NameTaken } from '../api/cluster-writer';
import type { Blueprint } from '../desired/blueprint';
import type { OperatorMetrics } from '../operator-metrics';
import { isApplied } from '../plan/applied';
import type { Note, Plan } from '../plan/plan';
import { planAll } from '../plan/plan-all';
import type { Refusal } from '../plan/refusal';
import { isSaid } from '../plan/status';
import { FINALIZER } from '../resource/group';
import { isOwnedBy } from '../resource/kube-object';
import { Backoffs } from './backoffs';
import { Uses } from './uses';

export interface ReconcilerParts {
  view: ClusterView;
  writer: ClusterWriter;
  blueprint: Blueprint;
  metrics: OperatorMetrics;
  logger: Logger;
  random: () => number;
}

/** What has happened close together is looked at once. */
const CALM_MS = 20;
/** Even where nothing is heard. */
const MOST_CALM_MS = 60_000;

/**
 * Makes the cluster what its resources say, again and again: every pass looks at everything as it is now, whatever
 * happened before, and writes only what is not so yet.
 */
export class Reconciler {
  private readonly uses = new Uses();
  private readonly backoff: Backoffs;
  private readonly refusals = new Map<string, Refusal>();
  private changed = () => {};
  private dirty = true;

  constructor(private readonly parts: ReconcilerParts) {
    this.backoff = new Backoffs(parts.random);
  }

  /** Something may have changed. Uses are noted whether or not this process leads. */
  wake(): void {
    const { view } = this.parts;
    if (view.synced) this.uses.look(view.world.models, Date.now());
    this.dirty = true;
    this.changed();
  }

  /** Passes until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.dirty = true;
    let againMs = 0;
    while (!signal.aborted) {
      await this.quiet(this.dirty ? CALM_MS : againMs, signal);
      if (signal.aborted) return;
      this.dirty = false;
      againMs = this.parts.view.synced ? await this.pass(signal) : MOST_CALM_MS;
    }
  }

  /** Waits, at most until something has changed. */
  private async quiet(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.changed = () => {};
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      if (!this.dirty) this.changed = done;
      if (signal.aborted) done();
    });
  }

  /** One look at everything; resolves with the milliseconds after which to look again. */
  private async pass(signal: AbortSignal): Promise<number> {
    const { view, blueprint } = this.parts;
    const nowMs = Date.now();
    const { world } = view;
    this.uses.look(world.models, nowMs);
    const { refusals } = this;
    const plans = planAll({ world, blueprint, nowMs, uses: this.uses.times, refusals });
    const uids = new Set(plans.map(({ resource }) => resource.metadata.uid ?? ''));
    this.backoff.keepOnly(uids);
    for (const uid of refusals.keys()) if (!uids.has(uid)) refusals.delete(uid);
    this.parts.metrics.planned(plans);
    const waits = await Promise.all(plans.map((plan) => this.carryOut(plan, signal)));
    return Math.min(MOST_CALM_MS, ...waits);
  }

  private async carryOut(plan: Plan, signal: AbortSignal): Promise<number> {
    const { metrics, logger } = this.parts;
    const { kind, metadata } = plan.resource;
    const uid = metadata.uid ?? '';
    const waitMs = this.backoff.waitMs(uid, Date.now());
    if (waitMs > 0) return waitMs;
    const startedMs = performance.now();
    const progress = { writes: 0 };
    try {
      await this.write(plan, progress, signal);
      this.backoff.succeeded(uid);
      if (this.refusals.delete(uid)) this.dirty = true;
      metrics.reconciled(kind, 'done', performance.now() - startedMs);
      return plan.againMs ?? MOST_CALM_MS;
    } catch (error) {
      if (signal.aborted) return MOST_CALM_MS;
      const known = error instanceof ClusterError ? error : undefined;
      const stale = known?.status === 409;
      metrics.reconciled(kind, stale ? 'stale' : 'failed', performance.now() - startedMs);
      // Whoever gets on is not held up for longer and longer.
      if (progress.writes > 0) this.backoff.succeeded(uid);
      this.backoff.failed(uid, Date.now(), known?.retryAfterMs ?? 0);
      const refusal = refusalOf(error);
      if (refusal && !same(this.refusals.get(uid), refusal)) {
        this.refusals.set(uid, refusal);
        await this.sayRefusal(plan, refusal, signal);
      }
      const reason = (error as Error).message;
      logger[stale ? 'debug' : 'warn']({ kind, resource: metadata.name, reason }, 'not reconciled yet');
      return this.backoff.waitMs(uid, Date.now());
    }
  }

  private async write(plan: Plan, progress: { writes: number }, signal: AbortSignal): Promise<void> {
    const { view, writer, metrics, logger } = this.parts;
    const { resource, wanted, unwanted, status, notes } = plan;
    const { finalizers = [] } = resource.metadata;
    const has = finalizers.includes(FINALIZER);
    const deleting = resource.metadata.deletionTimestamp !== undefined;
    let told: Note[] = [];
    if (plan.finalizer && !has && !deleting) {
      // Nothing is made before it can also be drained.
      await writer.finalizer(resource, true, signal);
      return;
    }
    for (const object of wanted) {
      const there = view.find(object.kind, object.metadata.name);
      const ours = there !== undefined && isOwnedBy(there, resource);
      if (ours && isApplied(there, object)) continue;
      await writer.apply(object, resource, ours, signal);
      progress.writes++;
      metrics.wrote(object.kind);
      logger.info({ kind: object.kind, name: object.metadata.name, made: !ours }, 'applied');
    }
    for (const object of unwanted) await writer.remove(object, signal);
    if (plan.replicas !== undefined) {
      await writer.scale(resource, plan.replicas, signal);
      told = notes;
    }
    const before = resource.status;
    if (status && !isSaid(before, status)) {
      await writer.status(resource, status, signal);
      if (before?.phase !== status.phase) told = [...told, phaseNote(status)];
    }
    if (!plan.finalizer && has && (await writer.finalizer(resource, false, signal))) told = notes;
    for (const note of told) await writer.event(resource, note, Date.now());
  }

  /** The status says at once what is in the way. */
  private async sayRefusal(plan: Plan, refusal: Refusal, signal: AbortSignal): Promise<void> {
    const { writer } = this.parts;
    const note: Note = { type: 'Warning', ...refusal };
    await writer.event(plan.resource, note, Date.now());
    const { view, blueprint } = this.parts;
    const again = planAll({
      world: view.world,
      blueprint,
      nowMs: Date.now(),
      uses: this.uses.times,
      refusals: this.refusals,
    });
    const now = again.find(({ resource }) => resource.metadata.uid === plan.resource.metadata.uid);
    if (now?.status) await writer.status(now.resource, now.status, signal).catch(() => undefined);
  }
}

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof NameTaken) return { reason: 'NameTaken', message: error.message };
  // What the server says of the object itself; anything else passes by itself.
  if (error instanceof ClusterError && [400, 403, 404, 422].includes(error.status))
    return { reason: 'ApplyFailed', message: error.message };
  return undefined;
}

const same = (a: Refusal | undefined, b: Refusal) => a?.reason === b.reason && a.message === b.message;

function phaseNote({ phase, conditions }: NonNullable<Plan['status']>): Note {
  const message = conditions.find(({ type }) => type === 'Ready')?.message ?? '';
  return { type: phase === 'Blocked' ? 'Warning' : 'Normal', reason: phase, message };
}
