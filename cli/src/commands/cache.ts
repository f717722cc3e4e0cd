import { type CacheEntry, listCache, pruneCache } from '@zen/disk';
import type { Command } from 'commander';
import { byteCount, cacheBytes, common, contextOf } from '../context';
import { formatBytes, formatTable } from '../output';

/** Adds `zen cache` and what it can do. */
export function cacheCommand(program: Command): void {
  const cache = program
    .command('cache')
    .description(
      'fetched ladders, sources and models of speech, which can be fetched again; what zen pack made is not among them',
    );
  common(cache.command('list'))
    .description('what the cache has, the last used first')
    .action(async (options: { json?: boolean }) => {
      const { home, output } = contextOf(options);
      const entries = await listCache(home);
      output.result({ entries: entries.map(entryOf), bytes: sum(entries) }, tableOf(entries));
    });
  common(cache.command('prune'))
    .description('remove what was not used for longest, until so much is left; never what a process uses')
    .option(
      '--bytes <size>',
      'most that may be left, such as 20GiB, 0 for nothing (default $ZEN_CACHE_BYTES)',
      byteCount,
    )
    .action(async (options: { json?: boolean; bytes?: number }, command: Command) => {
      const { home, output } = contextOf(options);
      const bytes = options.bytes ?? cacheBytes();
      if (bytes === null) command.error('--bytes or $ZEN_CACHE_BYTES must say how much may be left');
      const pruned = await pruneCache(home, bytes);
      output.result(
        { removed: pruned.removed.map(entryOf), bytes: pruned.bytes },
        `${formatBytes(sum(pruned.removed))} of ${pruned.removed.length} entries removed, ${formatBytes(pruned.bytes)} left`,
      );
    });
}

const entryOf = ({ kind, name, path, bytes, usedAtMs, inUse }: CacheEntry) => ({
  kind,
  name,
  path,
  bytes,
  usedAt: new Date(usedAtMs).toISOString(),
  inUse,
});

const sum = (entries: readonly CacheEntry[]) => entries.reduce((total, { bytes }) => total + bytes, 0);

function tableOf(entries: readonly CacheEntry[]): string {
  const rows = entries.map((entry) => [
    entry.kind,
    entry.name.length > 48 ? `${entry.name.slice(0, 47)}…` : entry.name,
    formatBytes(entry.bytes),
    entry.inUse ? 'in use' : entryOf(entry).usedAt.slice(0, 16).replace('T', ' '),
  ]);
  return `${formatTable([['kind', 'name', 'size', 'used'], ...rows])}\n${formatBytes(sum(entries))} in all`;
}
