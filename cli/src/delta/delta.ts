import type { Command } from 'commander';
import { capacityCommand } from './capacity';

/** Adds `zen delta` and what it can do. */
export function deltaCommand(program: Command): void {
  const delta = program.command('delta').description('personal changes to a base model');
  for (const add of [capacityCommand]) add(delta);
}
