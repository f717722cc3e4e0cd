import { APPLY_PATCH, type ApiRequest, type ApiServer, ClusterError, MERGE_PATCH, send } from '@zen/cluster';
import type { Note } from '../plan/plan';
import { FINALIZER, MANAGER } from '../resource/group';
import { isOwnedBy, type KubeObject } from '../resource/kube-object';
import type { Status } from '../resource/resources';
import { kindOf, pathOf } from './kinds';

/** An object of this name is there already, and somebody else's. */
export class NameTaken extends Error {
  override readonly name = 'NameTaken';
}

export interface WriterOptions {
  namespace: string;
  /** Of this process, for events. */
  identity: string;
  onRequest(verb: string, status: number): void;
}

/** Everything that the operator does to the cluster; each write can be repeated, and none trusts an old reading. */
export class ClusterWriter {
  constructor(
    private readonly server: ApiServer,
    private readonly options: WriterOptions,
  ) {}

  /** Makes it, or makes it what it is to be. `known`: it was seen, and is the owner's. Throws NameTaken. */
  async apply(object: KubeObject, owner: KubeObject, known: boolean, signal: AbortSignal): Promise<void> {
    const path = this.path(object);
    if (!known) {
      const there = await this.read(path, signal);
      if (there && !isOwnedBy(there, owner)) {
        const removed = there.metadata.deletionTimestamp !== undefined;
        const whose = removed ? 'is being removed' : `is not of ${owner.kind} ${owner.metadata.name}`;
        throw new NameTaken(`${object.kind} ${object.metadata.name} ${whose}`);
      }
    }
    await this.send('apply', this.applying(path, object), signal);
  }

  /** Removes exactly what was seen; what has changed or is gone since is looked at again. */
  async remove({ kind, metadata }: KubeObject, signal: AbortSignal): Promise<void> {
    const { name, uid, resourceVersion } = metadata;
    const path = pathOf(kindOf(kind), this.options.namespace, name);
    const body = { propagationPolicy: 'Background', preconditions: { uid, resourceVersion } };
    await this.lenient('delete', { method: 'DELETE', path, body }, signal, [404, 409]);
  }

  /** Whether it has come about: it fails on an old reading, and is needless on what is gone. */
  async finalizer(resource: KubeObject, present: boolean, signal: AbortSignal): Promise<boolean> {
    const { resourceVersion, finalizers = [] } = resource.metadata;
    const others = finalizers.filter((one) => one !== FINALIZER);
    const body = {
      metadata: { resourceVersion, finalizers: present ? [...others, FINALIZER] : others },
    };
    const asked: ApiRequest = {
      method: 'PATCH',
      path: this.path(resource),
      body,
      contentType: MERGE_PATCH,
    };
    return this.lenient('finalizer', asked, signal, [404]);
  }

  async status(resource: KubeObject, status: Status, signal: AbortSignal): Promise<void> {
    const { apiVersion, kind, metadata } = resource;
    const object = { apiVersion, kind, metadata: { name: metadata.name, uid: metadata.uid }, status };
    await this.lenient(
      'status',
      this.applying(this.path(resource, 'status'), object as KubeObject),
      signal,
      [404],
    );
  }

  /** Sets spec.replicas, unless anything of it has changed since it was read. */
  async scale(resource: KubeObject, replicas: number, signal: AbortSignal): Promise<void> {
    const { resourceVersion } = resource.metadata;
    const body = { metadata: { resourceVersion }, spec: { replicas } };
    const path = this.path(resource, 'scale');
    await this.send('scale', { method: 'PATCH', path, body, contentType: MERGE_PATCH }, signal);
  }

  /** Tells people; that it cannot be told is no reason to stop. */
  async event(resource: KubeObject, { type, reason, message }: Note, nowMs: number): Promise<void> {
    const { apiVersion, kind, metadata } = resource;
    const { namespace, identity } = this.options;
    const time = new Date(nowMs).toISOString();
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { generateName: `${metadata.name}.`, namespace },
      involvedObject: {
        apiVersion,
        kind,
        name: metadata.name,
        namespace,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      type,
      reason,
      message: message.slice(0, 1024),
      source: { component: MANAGER },
      reportingComponent: MANAGER,
      reportingInstance: identity,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
    const path = pathOf({ apiVersion: 'v1', plural: 'events' }, namespace);
    await this.send('event', { method: 'POST', path, body }, AbortSignal.timeout(5000)).catch(
      () => undefined,
    );
  }

  private path({ kind, metadata }: KubeObject, part?: string): string {
    return pathOf(kindOf(kind), this.options.namespace, metadata.name, part);
  }

  private applying(path: string, body: KubeObject): ApiRequest {
    const query = { fieldManager: MANAGER, force: 'true', fieldValidation: 'Strict' };
    return { method: 'PATCH', path, query, body, contentType: APPLY_PATCH };
  }

  private async read(path: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await this.send<KubeObject>('get', { method: 'GET', path }, signal);
    } catch (error) {
      if (error instanceof ClusterError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** False where it fails with one of the statuses. */
  private async lenient(
    verb: string,
    asked: ApiRequest,
    signal: AbortSignal,
    statuses: readonly number[],
  ): Promise<boolean> {
    try {
      await this.send(verb, asked, signal);
      return true;
    } catch (error) {
      if (error instanceof ClusterError && statuses.includes(error.status)) return false;
      throw error;
    }
  }

  private async send<T>(verb: string, asked: ApiRequest, signal: AbortSignal): Promise<T> {
    try {
      const answer = await send<T>(this.server, asked, signal);
      this.options.onRequest(verb, 200);
      return answer;
    } catch (error) {
      this.options.onRequest(verb, error instanceof ClusterError ? error.status : 0);
      throw error;
    }
  }
}
