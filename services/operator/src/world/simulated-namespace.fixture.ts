import { BLUEPRINT } from '../desired/blueprint.fixture';
import { isApplied } from '../plan/applied';
import { planAll } from '../plan/plan-all';
import { isSaid } from '../plan/status';
import { Uses } from '../reconcile/uses';
import { FINALIZER } from '../resource/group';
import { isOwnedBy, type KubeObject } from '../resource/kube-object';
import type { ExpertPool, ZenModel } from '../resource/resources';
import type { Pod, World } from './world';

type Resource = ZenModel | ExpertPool;
interface Controlled extends KubeObject {
  spec: {
    replicas: number;
    template: { metadata: { labels: Record<string, string> } };
  };
  status?: { replicas: number; observedGeneration: number };
}

const key = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.name}`;

/**
 * A namespace in memory with the controllers of Deployments and StatefulSets, one small step at a time, and the
 * operator's writes with the server's own checks. What a test does between the steps is up to it.
 */
export class SimulatedNamespace {
  readonly resources = new Map<string, Resource>();
  readonly made = new Map<string, KubeObject>();
  readonly pods = new Map<string, Pod>();
  readonly uses = new Uses();
  /** Most expert pods of one StatefulSet that were on their way out at once. */
  mostLeaving = 0;
  nowMs = Date.parse('2026-11-26T01:00:00Z');
  writes = 0;
  private version = 1;
  private pod = 0;

  world(): World {
    const all = [...this.resources.values()];
    return structuredClone({
      models: all.filter((one): one is ZenModel => one.kind === 'ZenModel'),
      pools: all.filter((one): one is ExpertPool => one.kind === 'ExpertPool'),
      owned: [...this.made.values()],
      pods: [...this.pods.values()],
    });
  }

  create(resource: Resource): void {
    this.resources.set(key(resource), { ...resource, metadata: { ...resource.metadata, finalizers: [] } });
    this.touch(resource);
  }

  change(name: string, spec: object): void {
    const resource = this.resources.get(name);
    if (!resource) return;
    Object.assign(resource.spec, spec);
    resource.metadata.generation = (resource.metadata.generation ?? 0) + 1;
    this.touch(resource);
  }

  use(name: string, time: string): void {
    const resource = this.resources.get(name);
    if (!resource) return;
    resource.status = { ...resource.status, lastUsedTime: time } as never;
    this.touch(resource);
  }

  delete(name: string): void {
    const resource = this.resources.get(name);
    if (!resource) return;
    resource.metadata.deletionTimestamp ??= new Date(this.nowMs).toISOString();
    this.touch(resource);
    this.collect(resource);
  }

  /** The operator looks at `world`, which may be an old one, and writes what it then wants. */
  pass(world: World = this.world()): void {
    const { nowMs } = this;
    this.uses.look(world.models, nowMs);
    const refusals = new Map();
    for (const plan of planAll({ world, blueprint: BLUEPRINT, nowMs, uses: this.uses.times, refusals })) {
      const { resource, finalizer, wanted, unwanted, replicas, status } = plan;
      const has = resource.metadata.finalizers?.includes(FINALIZER) ?? false;
      if (finalizer && !has && !resource.metadata.deletionTimestamp) {
        this.setFinalizer(resource, [FINALIZER]);
        continue;
      }
      for (const object of wanted) {
        const seen = world.owned.find((one) => key(one) === key(object) && isOwnedBy(one, resource));
        if (!seen || !isApplied(seen, object)) this.apply(object);
      }
      for (const object of unwanted) this.remove(object);
      if (replicas !== undefined && this.isCurrent(resource)) {
        this.writes++;
        this.change(key(resource), { replicas });
      }
      if (status && !isSaid(resource.status, status)) this.setStatus(resource, status);
      if (!finalizer && has) this.setFinalizer(resource, []);
    }
  }

  /** One step of Kubernetes' own controllers for one workload; false where nothing was to do. */
  step(name: string): boolean {
    const workload = this.made.get(name) as Controlled | undefined;
    if (!workload?.spec.template) return false;
    const pods = [...this.pods.values()].filter((pod) => isOwnedBy(pod, workload));
    const staying = pods.filter(({ metadata }) => !metadata.deletionTimestamp);
    const { replicas, template } = workload.spec;
    const labels = JSON.stringify(template.metadata.labels);
    const old = staying.find(({ metadata }) => JSON.stringify(metadata.labels) !== labels);
    const before = JSON.stringify(workload.status);
    workload.status = { replicas: pods.length, observedGeneration: workload.metadata.generation ?? 0 };
    if (staying.length < replicas) this.start(workload);
    else if (staying.length > replicas) this.stop(workload, staying.at(-1) as Pod);
    else if (old) this.stop(workload, old);
    else return before !== JSON.stringify(workload.status);
    return true;
  }

  ready(name: string): void {
    const pod = this.pods.get(name);
    if (pod) pod.status = { conditions: [{ type: 'Ready', status: 'True' }] };
  }

  /** A pod that was asked to go is gone. */
  gone(name: string): void {
    const pod = this.pods.get(name);
    if (pod?.metadata.deletionTimestamp) this.pods.delete(name);
  }

  /** Until nothing moves any more. Throws where it never ends. */
  settle(): void {
    for (let round = 0; round < 300; round++) {
      const before = this.writes;
      this.pass();
      let moved = false;
      for (const name of [...this.made.keys()]) moved = this.step(name) || moved;
      for (const name of [...this.pods.keys()]) {
        if (this.pods.get(name)?.metadata.deletionTimestamp) {
          this.gone(name);
          moved = true;
        } else if (!this.pods.get(name)?.status) {
          this.ready(name);
          moved = true;
        }
      }
      if (!moved && this.writes === before) return;
    }
    throw new Error('it does not settle');
  }

  /** What there is in the end, without names of pods, versions and times. */
  summary(): object {
    const strip = (value: unknown) =>
      JSON.parse(JSON.stringify(value, (field, one) => (VOLATILE.has(field) ? undefined : one)));
    const objects = [...this.made.values(), ...this.resources.values()].map(strip);
    return {
      objects: objects.sort((a, b) => (key(a) < key(b) ? -1 : 1)),
      pods: [...this.pods.values()].map(({ metadata }) => JSON.stringify(metadata.labels)).sort(),
    };
  }

  private apply(object: KubeObject): void {
    this.writes++;
    const there = this.made.get(key(object));
    const generation = (there?.metadata.generation ?? 0) + 1;
    const uid = there?.metadata.uid ?? `uid-${++this.version}`;
    const next = structuredClone({
      ...object,
      ...(there?.status ? { status: there.status } : {}),
      metadata: { ...object.metadata, uid, generation },
    });
    if (there && JSON.stringify(there.spec) === JSON.stringify(object.spec))
      next.metadata.generation = generation - 1;
    this.made.set(key(object), next);
  }

  private remove(object: KubeObject): void {
    this.writes++;
    if (this.made.get(key(object))?.metadata.uid === object.metadata.uid) this.made.delete(key(object));
  }

  private isCurrent(resource: Resource): boolean {
    return this.resources.get(key(resource))?.metadata.resourceVersion === resource.metadata.resourceVersion;
  }

  private setFinalizer(resource: Resource, finalizers: string[]): void {
    this.writes++;
    const there = this.resources.get(key(resource));
    if (!there || !this.isCurrent(resource)) return;
    there.metadata.finalizers = finalizers;
    this.touch(there);
    this.collect(there);
  }

  private setStatus(resource: Resource, status: object): void {
    this.writes++;
    const there = this.resources.get(key(resource));
    if (!there || there.metadata.uid !== resource.metadata.uid) return;
    const lastUsedTime = (there as ZenModel).status?.lastUsedTime;
    there.status = { ...status, ...(lastUsedTime ? { lastUsedTime } : {}) } as never;
    this.touch(there);
  }

  /** A resource that is deleted goes with its last finalizer, and its objects with it. */
  private collect(resource: Resource): void {
    const there = this.resources.get(key(resource));
    if (!there?.metadata.deletionTimestamp || (there.metadata.finalizers ?? []).length > 0) return;
    this.resources.delete(key(resource));
    for (const [name, object] of this.made) if (isOwnedBy(object, resource)) this.made.delete(name);
  }

  private start({ kind, metadata, spec }: Controlled): void {
    const name = `${metadata.name}-${++this.pod}`;
    this.pods.set(name, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        labels: { ...spec.template.metadata.labels },
        ownerReferences: [{ apiVersion: 'apps/v1', kind, name: metadata.name, uid: metadata.uid ?? '' }],
      },
    });
  }

  private stop(workload: Controlled, { metadata }: Pod): void {
    metadata.deletionTimestamp = new Date(this.nowMs).toISOString();
    if (workload.kind !== 'StatefulSet' || workload.spec.replicas === 0) return;
    const leaving = [...this.pods.values()].filter(
      (pod) => isOwnedBy(pod, workload) && pod.metadata.deletionTimestamp,
    );
    this.mostLeaving = Math.max(this.mostLeaving, leaving.length);
  }

  private touch(resource: Resource): void {
    const there = this.resources.get(key(resource));
    if (there) there.metadata.resourceVersion = String(++this.version);
  }
}

const VOLATILE = new Set([
  'resourceVersion',
  'uid',
  'generation',
  'observedGeneration',
  'lastTransitionTime',
  'deletionTimestamp',
]);
