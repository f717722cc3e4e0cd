import type { Group } from './fleet';

/** Largest request that every member takes; 0 where the thinkers do not say. */
export interface GroupLimits {
  contextTokens: number;
  maxPromptBytes: number;
}

/** Of one model its roomiest replica counts; a family promises only what each of its members can do. */
export function groupLimits({ members, links }: Pick<Group, 'members' | 'links'>): GroupLimits {
  const each = members.flatMap(({ model }): GroupLimits[] => {
    const limits = links.flatMap(({ about }) =>
      about?.model === model && about.limits ? [about.limits] : [],
    );
    if (limits.length === 0) return [];
    return [
      {
        contextTokens: Math.max(...limits.map(({ contextTokens }) => contextTokens)),
        maxPromptBytes: Math.max(...limits.map(({ maxPromptBytes }) => maxPromptBytes)),
      },
    ];
  });
  if (each.length === 0) return { contextTokens: 0, maxPromptBytes: 0 };
  return {
    contextTokens: Math.min(...each.map(({ contextTokens }) => contextTokens)),
    maxPromptBytes: Math.min(...each.map(({ maxPromptBytes }) => maxPromptBytes)),
  };
}
