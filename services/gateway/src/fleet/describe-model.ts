import type { Model, Stage } from '@zen/contracts';
import type { DeclaredModel } from '../asleep/declared-model';
import type { Group } from './fleet';

/** A model over all its replicas: a stage is as far as it is on the replica that has most of it. */
export function describeModel({ model, family, links }: Group): Model {
  const stages = new Map<number, Stage>();
  for (const stage of links.flatMap((link) => link.stages)) {
    const known = stages.get(stage.stage);
    if (!known || further(stage, known)) stages.set(stage.stage, stage);
  }
  const abouts = links.flatMap(({ about }) => (about ? [about] : []));
  return {
    id: model,
    stages: [...stages.values()].sort((a, b) => a.stage - b.stage),
    minServableStage: Math.min(4, ...abouts.map(({ minServableStage }) => minServableStage)),
    contextTokens: Math.max(0, ...abouts.map(({ limits }) => limits?.contextTokens ?? 0)),
    family,
  };
}

/** A model without a thinker now: its stages are known once it runs. */
export function describeAsleep({ model, minStage }: DeclaredModel): Model {
  return { id: model, stages: [], minServableStage: minStage, contextTokens: 0, family: '' };
}

function further(a: Stage, b: Stage): boolean {
  return a.attached === b.attached ? a.bytesPresent > b.bytesPresent : a.attached;
}
