import { placeRungs } from '@zen/quality';
import type { Group } from '../fleet/fleet';
import { groupLimits } from '../fleet/group-limits';

/** A family as a model: OpenAI's fields, then its members and all rungs in the one order that requests move along. */
export function familyBody(group: Group) {
  const replicas = group.links.flatMap((link) => link.view() ?? []);
  return {
    id: group.model,
    object: 'model',
    created: 0,
    owned_by: 'zen',
    family: group.model,
    context_tokens: groupLimits(group).contextTokens,
    stages: [],
    members: group.members.map(({ model, weight }) => ({
      model,
      weight,
      connected: replicas.some((replica) => replica.model === model),
    })),
    rungs: placeRungs({ members: group.members, replicas }).map(({ model, stage, worth }) => ({
      model,
      stage,
      worth,
    })),
  };
}
