import { portOf } from '../desired/blueprint';
import { expertName, routerName } from '../desired/names';
import { selectorOf } from '../desired/pod-template';
import { poolObjects } from '../desired/pool-objects';
import { COMPONENT_LABEL, FOLLOWS_LABEL, MODEL_LABEL, POOL_LABEL } from '../resource/group';
import { isOwnedBy } from '../resource/kube-object';
import type { ExpertPool } from '../resource/resources';
import { isLeaving, isReady, type Pod, podsWith, troubleOf } from '../world/world';
import { marked } from './applied';
import { modelOf, poolOf } from './pairing';
import type { Note, Plan } from './plan';
import type { Situation } from './situation';
import { statusOf, type Verdict, verdicts } from './status';

/** Longest time that a pool which is being deleted waits for thinkers to let go of it. */
const LET_GO_MS = 600_000;
/** Seconds that a new pod must be ready for before the next is replaced. */
const SETTLE_S = 5;

/** What a pool wants: its pods, fewer only one by one, none while its model sleeps, and their drain before it goes. */
export function planPool(pool: ExpertPool, situation: Situation): Plan {
  const { world, blueprint, nowMs } = situation;
  const { name, uid = '' } = pool.metadata;
  const pods = podsWith(world, POOL_LABEL, name);
  const experts = pods.filter(({ metadata }) => metadata.labels?.[COMPONENT_LABEL] === 'expert');
  const staying = experts.filter((pod) => !isLeaving(pod));
  const set = statefulSet(pool, situation);
  const deleting = pool.metadata.deletionTimestamp !== undefined;
  if (deleting && pods.length === 0 && (!set || (set.spec.replicas === 0 && isObserved(set)))) {
    const notes: Note[] = [{ type: 'Normal', reason: 'Drained', message: 'all expert pods are gone' }];
    return { resource: pool, finalizer: false, wanted: [], unwanted: [], notes };
  }
  const model = modelOf(world, pool);
  const source = pool.spec.source ?? model?.spec.source;
  const rival = poolOf(world, pool.spec.model);
  const obstacle: Obstacle | undefined = !source
    ? {
        reason: 'ModelMissing',
        message: `source: there is no ZenModel "${pool.spec.model}" to take it from`,
      }
    : rival && rival.metadata.uid !== uid
      ? { reason: 'ModelTaken', message: `model: "${pool.spec.model}" has the pool "${rival.metadata.name}"` }
      : situation.refusals.get(uid);
  const target = targetOf(pool, situation, isBlocked(obstacle));
  const current = set?.spec.replicas ?? 0;
  const replicas = stepTo(target, current, set?.status?.replicas ?? 0);
  const wish = {
    // Without one there are no pods, and what there was is drained.
    source: source ?? {},
    replicas,
    routers: replicas > 0 || experts.length > 0 ? 1 : 0,
    settleSeconds: SETTLE_S,
  };
  const ours = world.owned.filter((one) => isOwnedBy(one, pool));
  const makes = ours.length > 0 || !isBlocked(obstacle);
  const wanted = makes ? poolObjects(pool, wish, blueprint).map(marked) : [];
  const names = new Set(wanted.map((one) => `${one.kind} ${one.metadata.name}`));
  const verdict = verdictOf({ deleting, target, experts, staying, obstacle }, pool);
  const counts = {
    replicas: staying.length,
    readyReplicas: staying.filter(isReady).length,
    selector: selectorOf(blueprint.expert, { [POOL_LABEL]: name }),
  };
  const about = makes ? { router: `${routerName(name)}:${portOf(blueprint.expertRouter, 'grpc')}` } : {};
  return {
    resource: pool,
    finalizer: true,
    wanted,
    unwanted: makes ? ours.filter((one) => !names.has(`${one.kind} ${one.metadata.name}`)) : [],
    status: statusOf(pool, verdict, counts, about, new Date(nowMs).toISOString()),
    notes: [],
    ...(deleting ? { againMs: LET_GO_MS } : {}),
  };
}

interface Obstacle {
  reason: string;
  message: string;
}

/** Something else has to change first; a write that failed is tried again as it is. */
const isBlocked = (obstacle: Obstacle | undefined): boolean =>
  obstacle !== undefined && obstacle.reason !== 'ApplyFailed';

interface ObservedSet {
  metadata: { generation?: number };
  spec: { replicas?: number };
  status?: { replicas?: number; observedGeneration?: number };
}

function statefulSet(pool: ExpertPool, { world }: Situation): ObservedSet | undefined {
  const found = world.owned.find(
    (one) =>
      one.kind === 'StatefulSet' &&
      one.metadata.name === expertName(pool.metadata.name) &&
      isOwnedBy(one, pool),
  );
  return found as ObservedSet | undefined;
}

const isObserved = ({ metadata, status }: ObservedSet) =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);

/** Pods that there should be in the end. */
function targetOf(pool: ExpertPool, { world, nowMs }: Situation, blocked: boolean): number {
  const { name, deletionTimestamp } = pool.metadata;
  const { replicas } = pool.spec;
  if (deletionTimestamp !== undefined) {
    // Thinkers first take over the experts that these pods hold: they are replaced by ones that follow no router.
    const followers = podsWith(world, FOLLOWS_LABEL, name).length;
    const late = nowMs - Date.parse(deletionTimestamp) >= LET_GO_MS;
    return followers > 0 && !late ? replicas : 0;
  }
  if (blocked) return 0;
  const model = modelOf(world, pool);
  const asleep = model?.spec.replicas === 0 && podsWith(world, MODEL_LABEL, model.metadata.name).length === 0;
  return asleep ? 0 : replicas;
}

/**
 * Up at once; down one pod at a time, each gone before the next one is asked to go, so that the router has moved what
 * it held. Nobody needs the last ones of a pool that stops altogether.
 */
export function stepTo(target: number, current: number, running: number): number {
  if (target >= current || target === 0) return target;
  return running > current ? current : current - 1;
}

interface Seen {
  deleting: boolean;
  target: number;
  experts: readonly Pod[];
  staying: readonly Pod[];
  obstacle: Obstacle | undefined;
}

function verdictOf({ deleting, target, experts, staying, obstacle }: Seen, pool: ExpertPool): Verdict {
  const { serving, not } = verdicts(obstacle);
  if (deleting) {
    const message =
      target > 0 ? 'thinkers let go of it first' : `${experts.length} expert pods finish their calls`;
    return not('Draining', 'Draining', message);
  }
  if (obstacle && isBlocked(obstacle)) return not('Blocked', obstacle.reason, obstacle.message);
  if (target === 0) {
    if (experts.length > 0)
      return not('Draining', 'Draining', `${experts.length} expert pods finish their calls`);
    return not('Asleep', 'Asleep', pool.spec.replicas === 0 ? 'replicas is 0' : 'its model sleeps');
  }
  const ready = staying.filter(isReady).length;
  const trouble = staying.map(troubleOf).find((text) => text !== undefined);
  if (ready === 0) {
    return not(
      'Starting',
      trouble ? 'PodsFail' : 'Starting',
      trouble ?? `0 of ${target} expert pods are ready`,
    );
  }
  const message = `${ready} of ${target} expert pods are ready${trouble ? `; ${trouble}` : ''}`;
  return serving(message);
}
