import type { DeclaredModel } from '../asleep/declared-model';

/** A model without a thinker now: OpenAI's fields, and whether a request wakes it. Its stages are known once it runs. */
export function asleepBody({ model, minStage, replicas, wake }: DeclaredModel) {
  return {
    id: model,
    object: 'model',
    created: 0,
    owned_by: 'zen',
    family: null,
    context_tokens: 0,
    min_servable_stage: minStage,
    stages: [],
    asleep: replicas === 0,
    wakes_on_demand: wake.onDemand,
  };
}
