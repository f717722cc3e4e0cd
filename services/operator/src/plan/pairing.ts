import type { ExpertPool, ZenModel } from '../resource/resources';
import type { World } from '../world/world';

/** The oldest pool that names a model serves it, and goes on to until it is deleted. */
export function poolOf(world: World, model: string): ExpertPool | undefined {
  return world.pools
    .filter(({ spec, metadata }) => spec.model === model && metadata.deletionTimestamp === undefined)
    .sort(byAge)[0];
}

export function modelOf(world: World, pool: ExpertPool): ZenModel | undefined {
  return world.models.find(({ metadata }) => metadata.name === pool.spec.model);
}

/** Times of creation have whole seconds. */
function byAge(a: ExpertPool, b: ExpertPool): number {
  const key = ({ metadata }: ExpertPool) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}
