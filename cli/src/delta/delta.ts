import type { Command } from 'commander';
import { capacityCommand } from './capacity';
import { aliasCommand } from './remote/alias';
import { listCommand } from './remote/list';
import { publishCommand } from './remote/publish';
import { eraseCommand, quotaCommand, removeCommand } from './remote/remove';

/** Adds `zen delta` and what it can do. */
export function deltaCommand(program: Command): void {
  const delta = program.command('delta').description('personal changes to a base model');
  for (const add of [
    capacityCommand,
    publishCommand,
    listCommand,
    aliasCommand,
    removeCommand,
    eraseCommand,
    quotaCommand,
  ])
    add(delta);
}
