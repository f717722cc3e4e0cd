#!/usr/bin/env node
import { Command } from 'commander';
import { cacheCommand } from './commands/cache';
import { chatCommand } from './commands/chat';
import { inspectCommand } from './commands/inspect';
import { packCommand } from './commands/pack';
import { pullCommand } from './commands/pull';
import { pushCommand } from './commands/push';
import { qualityCommand } from './commands/quality';
import { tuneCommand } from './commands/tune';
import { upcycleCommand } from './commands/upcycle';
import { verifyCommand } from './commands/verify';
import { deltaCommand } from './delta/delta';
import { exitCode, explain } from './failures';

const program = new Command('zen')
  .description('Progressive models: fetch, pack into ladders, measure, share, chat.')
  .addHelpText(
    'after',
    '\nModels and ladders are kept in $ZEN_HOME (default $XDG_CACHE_HOME/zen or ~/.cache/zen).\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 damaged data, 4 disk full, 130 interrupted.',
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
for (const add of [
  pullCommand,
  pushCommand,
  packCommand,
  inspectCommand,
  verifyCommand,
  tuneCommand,
  upcycleCommand,
  qualityCommand,
  cacheCommand,
  chatCommand,
  deltaCommand,
])
  add(program);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`zen: ${explain(error)}\n`);
  process.exit(exitCode(error));
});
