import type { Condition, ExpertPool, Phase, Status, ZenModel } from '../resource/resources';

export interface Verdict {
  phase: Phase;
  ready: { status: boolean; reason: string; message: string };
  reconciled: { status: boolean; reason: string; message: string };
}

/** What verdicts on a resource share; `obstacle`: why its objects are not as its spec wants them. */
export function verdicts(obstacle: { reason: string; message: string } | undefined) {
  const reconciled = obstacle
    ? { status: false, ...obstacle }
    : { status: true, reason: 'Applied', message: 'all objects are as the spec wants them' };
  return {
    serving: (message: string): Verdict => ({
      phase: 'Serving',
      ready: { status: true, reason: 'Ready', message },
      reconciled,
    }),
    not: (phase: Phase, reason: string, message: string): Verdict => ({
      phase,
      ready: { status: false, reason, message },
      reconciled,
    }),
  };
}

interface Counts {
  replicas: number;
  readyReplicas: number;
  selector: Record<string, string>;
}

const MOST = 1024;

/** The whole status of a resource. A condition keeps the time at which it last changed. */
export function statusOf(
  { metadata, status }: ZenModel | ExpertPool,
  { phase, ready, reconciled }: Verdict,
  { replicas, readyReplicas, selector }: Counts,
  about: Pick<Status, 'pool' | 'router'>,
  time: string,
): Status {
  const observedGeneration = metadata.generation ?? 0;
  const condition = (type: Condition['type'], given: Verdict['ready']): Condition => {
    const before = status?.conditions?.find((one) => one.type === type);
    const value = given.status ? 'True' : 'False';
    return {
      type,
      status: value,
      observedGeneration,
      lastTransitionTime: before?.status === value ? before.lastTransitionTime : time,
      reason: given.reason,
      message: given.message.slice(0, MOST),
    };
  };
  return {
    observedGeneration,
    replicas,
    readyReplicas,
    selector: Object.entries(selector)
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join(','),
    phase,
    ...about,
    conditions: [condition('Ready', ready), condition('Reconciled', reconciled)],
  };
}

/** Whether a status says what is to be said; times of transitions follow from it. */
export function isSaid(before: Partial<Status> | undefined, status: Status): boolean {
  const keys = Object.keys(status) as (keyof Status)[];
  const ours = [...keys, 'pool', 'router'] as (keyof Status)[];
  return ours.every((key) =>
    key === 'conditions'
      ? status.conditions.every((condition) =>
          before?.conditions?.some(
            (one) =>
              one.type === condition.type &&
              (Object.keys(condition) as (keyof Condition)[]).every(
                (field) => one[field] === condition[field],
              ),
          ),
        )
      : before?.[key] === status[key],
  );
}
