import { MODULES, type Module } from '@zen/deltas';
import { InvalidArgumentError } from 'commander';

/** Modules as an option names them: `q,k,v,o`. */
export function moduleList(text: string): Module[] {
  const named = text.split(',');
  const known = MODULES.filter((module) => named.includes(module));
  if (known.length !== named.length) {
    throw new InvalidArgumentError(`must be some of ${MODULES.join(',')}, each once`);
  }
  return known;
}
