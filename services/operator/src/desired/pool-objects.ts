import { MODEL_LABEL, POOL_LABEL } from '../resource/group';
import type { KubeObject } from '../resource/kube-object';
import type { ExpertPool, LadderSource } from '../resource/resources';
import { type Blueprint, portOf } from './blueprint';
import { expertName, routerName } from './names';
import {
  componentOf,
  disruptionBudget,
  headlessService,
  metadataOf,
  networkPolicy,
  type Owner,
  podPeers,
  service,
  tcp,
} from './objects';
import { podTemplate, selectorOf, sourcePorts } from './pod-template';

export interface PoolWish {
  source: LadderSource;
  /** Expert pods. */
  replicas: number;
  /** 1, or 0 while there are no expert pods. */
  routers: number;
  /** Seconds that a new pod must be ready before the next one is replaced: the router gives it its experts meanwhile. */
  settleSeconds: number;
}

/** All objects of a pool. */
export function poolObjects(pool: ExpertPool, wish: PoolWish, blueprint: Blueprint): KubeObject[] {
  const owner: Owner = { resource: pool, labels: { [POOL_LABEL]: pool.metadata.name } };
  return [
    ...policies(owner, pool, wish, blueprint),
    ...experts(owner, pool, wish, blueprint),
    ...router(owner, pool, wish, blueprint),
  ];
}

/**
 * A StatefulSet: a pod that comes back has its name, by which the router gives it what it had; scaling down takes the
 * youngest; a roll replaces one pod after the other and needs no room beside them.
 */
function experts(owner: Owner, pool: ExpertPool, wish: PoolWish, blueprint: Blueprint): KubeObject[] {
  const { expert, pullPolicy } = blueprint;
  const { expertsPerPod, stage, resources, env = {} } = pool.spec;
  const name = expertName(pool.metadata.name);
  const selector = selectorOf(expert, owner.labels);
  const statefulSet: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf(owner, name, expert),
    spec: {
      replicas: wish.replicas,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      minReadySeconds: wish.settleSeconds,
      revisionHistoryLimit: expert.spec.revisionHistoryLimit,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      selector: { matchLabels: selector },
      template: podTemplate(expert, {
        labels: owner.labels,
        source: wish.source,
        pullPolicy,
        resources,
        env: {
          ...env,
          ZEN_EXPERTS_PER_LAYER: String(expertsPerPod),
          ZEN_EXPERT_STAGE: String(stage),
        },
      }),
    },
  };
  const objects = [headlessService(owner, name, expert, selector), statefulSet];
  if (blueprint.disruptionBudgets.expert) objects.push(disruptionBudget(owner, name, expert, selector));
  return objects;
}

/** One is enough: while there is none, thinkers keep the last placement that they saw. */
function router(owner: Owner, pool: ExpertPool, wish: PoolWish, blueprint: Blueprint): KubeObject[] {
  const { expertRouter, pullPolicy } = blueprint;
  const name = routerName(pool.metadata.name);
  const selector = selectorOf(expertRouter, owner.labels);
  const deployment: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(owner, name, expertRouter),
    spec: {
      replicas: wish.routers,
      revisionHistoryLimit: expertRouter.spec.revisionHistoryLimit,
      strategy: expertRouter.spec.strategy,
      selector: { matchLabels: selector },
      template: podTemplate(expertRouter, {
        labels: owner.labels,
        source: undefined,
        pullPolicy,
        env: {
          ZEN_EXPERT_PODS: `kubernetes:///${expertName(pool.metadata.name)}:grpc`,
          ZEN_EXPERT_REDUNDANCY: String(pool.spec.redundancy),
        },
      }),
    },
  };
  return [service(owner, name, expertRouter, selector), deployment];
}

function policies(owner: Owner, pool: ExpertPool, wish: PoolWish, blueprint: Blueprint): KubeObject[] {
  const { expert, expertRouter, thinker, network } = blueprint;
  if (!network) return [];
  const poolName = pool.metadata.name;
  const ofPool = selectorOf(expert, owner.labels);
  const ofRouter = selectorOf(expertRouter, owner.labels);
  const thinkers = { ...componentOf(thinker, 'thinker'), [MODEL_LABEL]: pool.spec.model };
  const ports = sourcePorts(wish.source);
  return [
    networkPolicy(owner, expertName(poolName), expert, ofPool, {
      ingress: [
        { from: podPeers(thinkers, ofRouter), ports: tcp(portOf(expert, 'grpc')) },
        ...network.prometheus,
      ],
      egress: [
        ...network.dns,
        ...network.tracing,
        ...(ports.length > 0 ? [{ to: network.sources, ports: tcp(...ports) }] : []),
      ],
    }),
    networkPolicy(owner, routerName(poolName), expertRouter, ofRouter, {
      ingress: [
        { from: podPeers(thinkers), ports: tcp(portOf(expertRouter, 'grpc')) },
        ...network.prometheus,
      ],
      egress: [
        ...network.dns,
        ...network.tracing,
        ...network.apiServer,
        { to: podPeers(ofPool), ports: tcp(portOf(expert, 'grpc')) },
      ],
    }),
  ];
}
