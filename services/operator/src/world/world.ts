import type { KubeObject } from '../resource/kube-object';
import type { ExpertPool, ZenModel } from '../resource/resources';

/** A pod, as far as it is looked at. */
export interface Pod extends KubeObject {
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
  };
}

interface ContainerStatus {
  state?: { waiting?: { reason?: string; message?: string } };
  lastState?: { terminated?: { reason?: string; exitCode?: number } };
  restartCount?: number;
}

/** All that is known of the namespace, each part as new as its watch. */
export interface World {
  models: readonly ZenModel[];
  pools: readonly ExpertPool[];
  /** Deployments, StatefulSets, Services, PodDisruptionBudgets and NetworkPolicies that the operator manages. */
  owned: readonly KubeObject[];
  /** Pods of those. */
  pods: readonly Pod[];
}

/** Pods that carry a label with this value, those on their way out included. */
export function podsWith(world: World, label: string, value: string): Pod[] {
  return world.pods.filter(({ metadata }) => metadata.labels?.[label] === value);
}

export const isLeaving = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined;

export const isReady = (pod: Pod): boolean =>
  !isLeaving(pod) &&
  (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false);

/** Why a pod does not run, in the kubelet's or the scheduler's words; undefined while nothing is wrong. */
export function troubleOf(pod: Pod): string | undefined {
  const { name } = pod.metadata;
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False')
    return short(`${name}: ${scheduled.message ?? scheduled.reason ?? 'not scheduled'}`);
  for (const { state, lastState } of pod.status?.containerStatuses ?? []) {
    const { reason, message } = state?.waiting ?? {};
    if (reason && reason !== 'ContainerCreating' && reason !== 'PodInitializing') {
      const last = lastState?.terminated?.reason;
      return short(`${name}: ${reason}${last ? ` (${last})` : ''}${message ? `: ${message}` : ''}`);
    }
  }
  return undefined;
}

const MOST = 400;
const short = (text: string) => (text.length <= MOST ? text : `${text.slice(0, MOST)}…`);
