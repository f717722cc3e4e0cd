import type { DeclaredModel } from './declared-model';

/** Models that are declared, whether or not a thinker of theirs runs, and what may be done to them. */
export interface ModelBook {
  /** By the name that requests use. */
  find(model: string): DeclaredModel | undefined;
  all(): readonly DeclaredModel[];
  /** Asks for its thinkers. Resolves when that has been taken; rejects where it cannot be asked now. */
  wake(model: DeclaredModel): Promise<void>;
  /** Says that it is in use. */
  used(model: DeclaredModel): Promise<void>;
}

/** Where no models are declared. */
export const NO_BOOK: ModelBook = {
  find: () => undefined,
  all: () => [],
  wake: async () => undefined,
  used: async () => undefined,
};
