import type { Command } from 'commander';
import { buildCommand } from './build';
import { capacityCommand } from './capacity';
import { exportCommand } from './export';
import { inspectDeltaCommand } from './inspect';
import { deltaQualityCommand } from './quality';
import { aliasCommand } from './remote/alias';
import { listCommand } from './remote/list';
import { publishCommand } from './remote/publish';
import { eraseCommand, quotaCommand, removeCommand } from './remote/remove';
import { verifyDeltaCommand } from './verify';

/** Adds `zen delta` and what it can do. */
export function deltaCommand(program: Command): void {
  const delta = program.command('delta').description('personal changes to a base model');
  for (const add of [
    buildCommand,
    inspectDeltaCommand,
    verifyDeltaCommand,
    exportCommand,
    deltaQualityCommand,
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
