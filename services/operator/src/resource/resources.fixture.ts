import { API_VERSION, FINALIZER } from './group';
import type { ExpertPool, ZenModel } from './resources';

/** As the API server would give it, defaults filled in. */
export function model(name: string, spec: Partial<ZenModel['spec']> = {}): ZenModel {
  return {
    apiVersion: API_VERSION,
    kind: 'ZenModel',
    metadata: metadata(name, `model-${name}`),
    spec: {
      model: `${name}-it`,
      source: { address: 'http://ladders:8080/a' },
      replicas: 1,
      minReplicas: 0,
      idleAfterSeconds: 0,
      minStage: 0,
      standInStage: 0,
      wake: { onDemand: true, replicas: 1, holdSeconds: 60 },
      ...spec,
    },
  };
}

export function pool(name: string, spec: Partial<ExpertPool['spec']> = {}): ExpertPool {
  return {
    apiVersion: API_VERSION,
    kind: 'ExpertPool',
    metadata: metadata(name, `pool-${name}`),
    spec: { model: 'a', expertsPerPod: 4, replicas: 2, redundancy: 1, stage: 4, ...spec },
  };
}

function metadata(name: string, uid: string) {
  return {
    name,
    namespace: 'llm',
    uid,
    generation: 1,
    resourceVersion: '1',
    creationTimestamp: '2026-11-26T00:00:00Z',
    finalizers: [FINALIZER],
  };
}
