import { FOLLOWS_LABEL, MODEL_LABEL, POOL_LABEL } from '../resource/group';
import type { KubeObject } from '../resource/kube-object';
import type { ZenModel } from '../resource/resources';
import { type Blueprint, portOf } from './blueprint';
import { routerName, thinkerName } from './names';
import {
  componentOf,
  disruptionBudget,
  headlessService,
  metadataOf,
  networkPolicy,
  type Owner,
  podPeers,
  tcp,
} from './objects';
import { podTemplate, selectorOf, sourcePorts } from './pod-template';

/** All objects of a model with so many thinkers, which follow the router of `pool`, if any. */
export function modelObjects(
  model: ZenModel,
  replicas: number,
  pool: string | null,
  { thinker, expert, expertRouter, disruptionBudgets, network, pullPolicy }: Blueprint,
): KubeObject[] {
  const { name } = model.metadata;
  const { source, standInStage, resources, env = {} } = model.spec;
  const labels = { [MODEL_LABEL]: name };
  const owner: Owner = { resource: model, labels };
  const own = thinkerName(name);
  const selector = selectorOf(thinker, labels);
  const following = {
    ZEN_EXPERT_ROUTER: `${routerName(pool ?? '')}:${portOf(expertRouter, 'grpc')}`,
    ZEN_EXPERT_STAND_IN: String(standInStage),
  };
  const deployment: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(owner, own, thinker),
    spec: {
      replicas,
      revisionHistoryLimit: thinker.spec.revisionHistoryLimit,
      strategy: thinker.spec.strategy,
      selector: { matchLabels: selector },
      template: podTemplate(thinker, {
        labels,
        marks: pool === null ? {} : { [FOLLOWS_LABEL]: pool },
        source,
        pullPolicy,
        resources,
        env: { ...env, ...(pool === null ? {} : following) },
      }),
    },
  };
  const objects = [headlessService(owner, own, thinker, selector), deployment];
  if (disruptionBudgets.thinker) objects.push(disruptionBudget(owner, own, thinker, selector));
  if (!network) return objects;
  const ports = sourcePorts(source);
  const egress = [
    ...(ports.length > 0 ? [{ to: network.sources, ports: tcp(...ports) }] : []),
    ...(pool === null
      ? []
      : [
          {
            to: podPeers({ ...componentOf(expertRouter, 'expert-router'), [POOL_LABEL]: pool }),
            ports: tcp(portOf(expertRouter, 'grpc')),
          },
          {
            to: podPeers({ ...componentOf(expert, 'expert'), [POOL_LABEL]: pool }),
            ports: tcp(portOf(expert, 'grpc')),
          },
        ]),
  ];
  return [networkPolicy(owner, own, thinker, selector, { egress }), ...objects];
}
