import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { bytes } from '@zen/config';
import { cacheHome, useFolder } from '@zen/disk';
import { loadQuant, type NativeQuant } from '@zen/engine';
import { type FetchProgress, openSource, sourceSettings } from '@zen/importers';
import { ladderPath, type OpenLadder, openLadder, type SourceModel } from '@zen/ladder';
import { type Command, InvalidArgumentError } from 'commander';
import { Output } from './output';

/** What every command works with. */
export interface Context {
  home: string;
  output: Output;
  /** Aborted by SIGINT and SIGTERM. */
  signal: AbortSignal;
}

/** Options that every command has. */
export function common(command: Command): Command {
  return command.option('--json', 'print the result as one line of JSON');
}

export function withThreads(command: Command): Command {
  return command.option('--threads <n>', 'threads for arithmetic, 1 to 256', wholeNumber(1, 256));
}

export function contextOf(options: { json?: boolean }): Context {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
  }
  return {
    home: cacheHome(process.env),
    output: new Output(options.json ?? false, process.stdout, process.stderr),
    signal: stop.signal,
  };
}

export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`must be a whole number from ${low} to ${high}`);
    }
    return value;
  };
}

export function quantOf(options: { threads?: number }): NativeQuant {
  const quant = loadQuant();
  quant.setThreads(options.threads ?? availableParallelism());
  return quant;
}

export async function fetchSource(context: Context, nameOrUri: string, verify = false): Promise<SourceModel> {
  return openSource(nameOrUri, {
    home: context.home,
    settings: await sourceSettings(process.env),
    signal: context.signal,
    verify,
    progress: (at: FetchProgress) => {
      context.output.progress(`${at.phase} ${at.item}`, at.bytes, at.totalBytes ?? at.bytes);
    },
  });
}

/** Where a ladder is: a folder, or the cached one of a model (`NAME` or `NAME:quick`); the full plan first,
 * then the quick one, then what `zen pull --as` named. */
export function ladderFolder(context: Context, text: string): string {
  if (text.includes('/') || existsSync(join(text, 'index.json'))) return text;
  const [name = '', plan] = text.split(':');
  const plans = plan === undefined ? ['full', 'quick', 'pulled'] : [plan];
  const folders = plans.map((each) => ladderPath(context.home, name, each));
  return folders.find((folder) => existsSync(join(folder, 'index.json'))) ?? folders[0]!;
}

export async function findLadder(context: Context, text: string): Promise<OpenLadder> {
  const folder = ladderFolder(context, text);
  // Until this process ends.
  await useFolder(context.home, folder);
  return openLadder(folder);
}

/** `$ZEN_CACHE_BYTES`, or null. */
export function cacheBytes(): number | null {
  const text = process.env.ZEN_CACHE_BYTES;
  return text === undefined || text === '' ? null : byteCount(text);
}

export function byteCount(text: string): number {
  const { data, error } = bytes(0, 2 ** 50).safeParse(text);
  if (data === undefined) throw new InvalidArgumentError(`${text} ${error?.issues[0]?.message ?? ''}`);
  return data;
}
