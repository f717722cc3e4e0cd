import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheHome } from '@zen/disk';
import { ladderPath } from '@zen/ladder';

const ROOT = join(__dirname, '..', '..', '..');
const LONGEST_PACK_MS = 15 * 60_000;

/**
 * The folder of a model's quickly packed ladder in the cache, packed first where it is not there, or why there is
 * none (the source cannot be reached, or the command line is not built). Blocks: call it while a suite loads.
 */
export function packedLadder(name = 'smollm2-135m-instruct'): { folder: string } | { missing: string } {
  const folder = ladderPath(cacheHome(process.env), name, 'quick');
  if (existsSync(join(folder, 'index.json'))) return { folder };
  const cli = join(ROOT, 'cli', 'dist', 'main.js');
  if (!existsSync(cli)) return { missing: `${name} is not packed and the command line is not built` };
  const { status, stderr } = spawnSync(process.execPath, [cli, 'pack', name, '--plan', 'quick'], {
    timeout: LONGEST_PACK_MS,
    encoding: 'utf8',
  });
  if (status === 0) return { folder };
  return { missing: `packing ${name} ended with ${status}: ${stderr.trim().split('\n').at(-1)}` };
}
