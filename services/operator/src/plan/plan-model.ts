import { modelObjects } from '../desired/model-objects';
import { thinkerName } from '../desired/names';
import { selectorOf } from '../desired/pod-template';
import { MODEL_LABEL } from '../resource/group';
import { isOwnedBy } from '../resource/kube-object';
import type { ZenModel } from '../resource/resources';
import { isLeaving, isReady, podsWith, troubleOf } from '../world/world';
import { marked } from './applied';
import { poolOf } from './pairing';
import type { Note, Plan } from './plan';
import type { Situation } from './situation';
import { statusOf, type Verdict, verdicts } from './status';

/** What a model wants: its thinkers, none while it sleeps, and their drain before it goes. */
export function planModel(model: ZenModel, situation: Situation): Plan {
  const { world, blueprint, nowMs } = situation;
  const { metadata, spec } = model;
  const { name } = metadata;
  const deleting = metadata.deletionTimestamp !== undefined;
  const pods = podsWith(world, MODEL_LABEL, name);
  const staying = pods.filter((pod) => !isLeaving(pod));
  const ready = staying.filter(isReady).length;
  const notes: Note[] = [];
  if (deleting && pods.length === 0 && isStopped(model, situation)) {
    notes.push({ type: 'Normal', reason: 'Drained', message: 'all thinkers are gone' });
    return { resource: model, finalizer: false, wanted: [], unwanted: [], notes };
  }
  const pool = poolOf(world, name)?.metadata.name ?? null;
  const replicas = deleting ? 0 : spec.replicas;
  const wanted = modelObjects(model, replicas, pool, blueprint).map(marked);
  const names = new Set(wanted.map((one) => `${one.kind} ${one.metadata.name}`));
  const unwanted = world.owned.filter(
    (one) => isOwnedBy(one, model) && !names.has(`${one.kind} ${one.metadata.name}`),
  );
  const sleep = deleting ? undefined : sleepOf(model, situation);
  if (sleep?.now) {
    const message = `no request for ${spec.idleAfterSeconds} s: ${spec.minReplicas} of ${spec.replicas} thinkers stay`;
    notes.push({ type: 'Normal', reason: 'Idle', message });
  }
  const trouble = staying.map(troubleOf).find((text) => text !== undefined);
  const verdict = verdictOf({ deleting, replicas, pods: pods.length, ready, trouble }, model, situation);
  const counts = {
    replicas: staying.length,
    readyReplicas: ready,
    selector: selectorOf(blueprint.thinker, { [MODEL_LABEL]: name }),
  };
  const about = pool === null ? {} : { pool };
  return {
    resource: model,
    finalizer: true,
    wanted,
    unwanted,
    ...(sleep?.now ? { replicas: spec.minReplicas } : {}),
    status: statusOf(model, verdict, counts, about, new Date(nowMs).toISOString()),
    notes,
    ...(sleep && !sleep.now ? { againMs: sleep.inMs } : {}),
  };
}

interface Seen {
  deleting: boolean;
  replicas: number;
  pods: number;
  ready: number;
  trouble: string | undefined;
}

function verdictOf(
  { deleting, replicas, pods, ready, trouble }: Seen,
  model: ZenModel,
  { refusals }: Situation,
): Verdict {
  const refusal = refusals.get(model.metadata.uid ?? '');
  const { serving, not } = verdicts(refusal);
  if (deleting) return not('Draining', 'Draining', `${pods} thinkers finish their answers`);
  if (refusal?.reason === 'NameTaken') return not('Blocked', refusal.reason, refusal.message);
  if (replicas === 0) {
    if (pods > 0) return not('Draining', 'Draining', `${pods} thinkers finish their answers`);
    return not('Asleep', 'Asleep', model.spec.wake.onDemand ? 'a request wakes it' : 'replicas is 0');
  }
  if (ready === 0) {
    return not(
      'Starting',
      trouble ? 'PodsFail' : 'Starting',
      trouble ?? `0 of ${replicas} thinkers are ready`,
    );
  }
  const message = `${ready} of ${replicas} thinkers are ready${trouble ? `; ${trouble}` : ''}`;
  return serving(message);
}

/** The controller has seen that no pod is wanted. */
function isStopped(model: ZenModel, { world }: Situation): boolean {
  const workload = world.owned.find(
    (one) => one.kind === 'Deployment' && one.metadata.name === thinkerName(model.metadata.name),
  );
  if (!workload || !isOwnedBy(workload, model)) return true;
  const { spec, status, metadata } = workload as {
    spec: { replicas?: number };
    status?: { observedGeneration?: number };
    metadata: { generation?: number };
  };
  return spec.replicas === 0 && (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

/** When the model goes to sleep; undefined for never. Uses count from when they were seen here: no clock is believed. */
function sleepOf(model: ZenModel, { uses, nowMs }: Situation): { now: boolean; inMs: number } | undefined {
  const { idleAfterSeconds, minReplicas, replicas } = model.spec;
  if (idleAfterSeconds === 0 || replicas <= minReplicas) return undefined;
  const usedMs = uses.get(model.metadata.uid ?? '') ?? nowMs;
  const inMs = usedMs + idleAfterSeconds * 1000 - nowMs;
  return { now: inMs <= 0, inMs };
}
