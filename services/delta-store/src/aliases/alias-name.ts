import { isAlias } from '@zen/deltas';
import { invalid } from '../store-error';

export function checkAlias(name: string): void {
  if (isAlias(name)) return;
  throw invalid(
    'name',
    'must be 1 to 128 of a-z, 0-9, dot, dash, underscore and slash, the first a letter or digit',
  );
}

/** An alias as one part of an object's name. */
export function partOf(alias: string): string {
  return alias.replaceAll('/', '~');
}
