import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const NATIVE = join(__dirname, '..', '..', 'packages', 'engine', 'native');

/** Bytes per second that `threads` threads read from memory, out of cache. */
export function readBandwidth(threads: number): number {
  const argv = ['-s', '-C', NATIVE, 'bench-bandwidth', `THREADS=${threads}`];
  return Number(execFileSync('make', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}
