import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { DiskError } from './disk-error';

/** The cache folder: `$ZEN_HOME`, else `$XDG_CACHE_HOME/zen`, else `~/.cache/zen`. */
export function cacheHome(env: Readonly<Record<string, string | undefined>>): string {
  for (const [name, tail] of [
    ['ZEN_HOME', ''],
    ['XDG_CACHE_HOME', 'zen'],
  ] as const) {
    const value = env[name];
    if (!value) continue;
    if (!isAbsolute(value)) throw new DiskError('file', `${name}: ${value} must be an absolute path`);
    return join(value, tail);
  }
  return join(env.HOME || homedir(), '.cache', 'zen');
}
