import type { Blueprint } from '../desired/blueprint';
import type { World } from '../world/world';
import type { Refusal } from './refusal';

/** All that a plan follows from. */
export interface Situation {
  world: World;
  blueprint: Blueprint;
  /** Milliseconds since 1970, for times that people read and for spans. */
  nowMs: number;
  /** When a use of a model was last seen, by its uid, milliseconds on the same clock. */
  uses: ReadonlyMap<string, number>;
  /** What the last attempt met, by the resource's uid. */
  refusals: ReadonlyMap<string, Refusal>;
}
