import type { Model, Stage } from '@zen/contracts';
import type { Group } from './fleet';

/** A model over all its replicas: a stage is attached if it is attached anywhere. */
export function describeModel({ model, links }: Group): Model {
  const stages = new Map<number, Stage>();
  for (const stage of links.flatMap((link) => link.stages)) {
    const known = stages.get(stage.stage);
    if (!known || (stage.attached && !known.attached)) stages.set(stage.stage, stage);
  }
  const abouts = links.flatMap(({ about }) => (about ? [about] : []));
  return {
    id: model,
    stages: [...stages.values()].sort((a, b) => a.stage - b.stage),
    minServableStage: Math.min(4, ...abouts.map(({ minServableStage }) => minServableStage)),
    contextTokens: Math.max(0, ...abouts.map(({ limits }) => limits?.contextTokens ?? 0)),
    family: '',
  };
}
