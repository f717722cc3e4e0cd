/** Names of what is made for a resource; they fit where its own does (40 characters) and cannot meet each other. */
export const thinkerName = (model: string): string => `${model}-thinker`;
export const expertName = (pool: string): string => `${pool}-expert`;
export const routerName = (pool: string): string => `${pool}-expert-router`;
