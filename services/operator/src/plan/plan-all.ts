import type { Plan } from './plan';
import { planModel } from './plan-model';
import { planPool } from './plan-pool';
import type { Situation } from './situation';

/** What is to be done for every resource. The same situation gives the same plans, however it came about. */
export function planAll(situation: Situation): Plan[] {
  const { models, pools } = situation.world;
  return [
    ...models.map((model) => planModel(model, situation)),
    ...pools.map((pool) => planPool(pool, situation)),
  ];
}
