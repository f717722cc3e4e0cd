import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigOf, readConfig, type Settings } from './config';

/** What a service's process does besides its work: options, settings, signals, exit codes. */
export interface ServiceMain<S extends Settings> {
  /** What `--help` prints; its settings included. */
  help: string;
  settings: S;
  /** Where its package.json is, for `--version`. */
  folder: string;
  /** Failures that their message alone explains, such as a bad setting. */
  isExpected(error: unknown): boolean;
  /** Rejects where it cannot begin. */
  start(config: ConfigOf<S>): Promise<StartedService>;
}

export interface StartedService {
  logger: ServiceLog;
  /** Its addresses, as it logs them. */
  listening: object;
  stop(): Promise<void>;
  /** Rejects where it turns out that it can never do its work. */
  done?: Promise<void>;
}

interface ServiceLog {
  info(message: string): void;
  info(fields: object, message: string): void;
}

/** Runs a service until a signal ends it. Exit codes: 0, 2 for what the user can mend (bad options too), else 1. */
export function runService<S extends Settings>(main: ServiceMain<S>): void {
  run(main, process.argv.slice(2)).catch((error: unknown) => exitWithFailure(error, main.isExpected(error)));
}

async function run<S extends Settings>(
  { help, settings, folder, start }: ServiceMain<S>,
  [option]: string[],
): Promise<void> {
  if (option !== undefined) {
    process.stdout.write(option === '--version' ? `${versionOf(folder)}\n` : help);
    process.exitCode = option === '--help' || option === '--version' ? 0 : 2;
    return;
  }
  const { logger, listening, stop, done } = await start(readConfig(settings, process.env));
  logger.info(listening, 'listening');
  stopOnSignals(logger, stop);
  await done;
}

/** SIGTERM and SIGINT stop it, and then the process ends; a second one ends it at once. */
export function stopOnSignals(logger: ServiceLog, stop: () => Promise<void>): void {
  let stopping = false;
  const end = async () => {
    // A second signal does not wait.
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('stopping');
    await stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
}

/** Says why the process ends, in the message's own words where they are enough, and ends it. */
export function exitWithFailure(error: unknown, expected: boolean): never {
  process.stderr.write(`${expected ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
  process.exit(expected ? 2 : 1);
}

/** Whether the error is of one of these types. */
export function isOneOf(
  error: unknown,
  types: readonly (abstract new (...given: never[]) => Error)[],
): boolean {
  return types.some((type) => error instanceof type);
}

function versionOf(folder: string): string {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}
