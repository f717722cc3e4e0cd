import type { Replica } from './load';

/** One way to answer: a stage of a model. */
export interface Rung {
  model: string;
  stage: number;
}

/** A model of a group. */
export interface Member {
  model: string;
  /**
   * How well its source stands in for the source of the group's first member, 0 to 1: the share of tokens whose
   * most likely continuation is the same, on the same text. Null where nobody has measured it.
   */
  weight: number | null;
}

/** What one request may be answered by: a model alone, or the members of a family, the best one first. */
export interface RungGroup {
  /** The name that requests use. */
  key: string;
  members: readonly Member[];
  replicas: readonly Replica[];
}

export function rungName({ model, stage }: Rung): string {
  return `${model}@${stage}`;
}
