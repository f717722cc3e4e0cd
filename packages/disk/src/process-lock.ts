import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiskError } from './disk-error';
import { type Holder, isDead, keepAlive, newHolder, readHolder } from './holder';

const POLL_MS = 200;

export interface ProcessLock {
  /** Fires when another process has taken the lock, which happens only after this one slept for half a minute. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Takes a lock file that excludes other processes, also those of other machines on a shared folder. A dead
 * process's lock is taken over: at once when it ran on this machine, after half a minute of silence otherwise.
 */
export async function lockFile(
  path: string,
  options: { signal: AbortSignal; waitMs: number; onWait?: (holder: string) => void },
): Promise<ProcessLock> {
  const mine = newHolder();
  const started = performance.now();
  let announced = false;
  while (!(await tryTake(path, mine))) {
    if (options.signal.aborted) {
      throw new DiskError('cancelled', `${path}: cancelled`, { cause: options.signal.reason });
    }
    const holder = await readHolder(path);
    if (holder === null || (await removeIfDead(path, holder))) continue;
    const who = `process ${holder.pid} on ${holder.host}`;
    if (!announced) options.onWait?.(who);
    announced = true;
    if (performance.now() - started > options.waitMs) {
      throw new DiskError('locked', `${path}: held by ${who} for more than ${options.waitMs / 1000} s`);
    }
    await sleep(POLL_MS, undefined, { signal: options.signal }).catch((cause) => {
      throw new DiskError('cancelled', `${path}: cancelled while waiting for ${who}`, { cause });
    });
  }
  return hold(path, mine);
}

function hold(path: string, mine: Holder): ProcessLock {
  const beat = keepAlive(path, mine);
  return {
    lost: beat.lost,
    async release() {
      await beat.stop();
      const holder = await readHolder(path);
      if (holder?.token === mine.token) await rm(path, { force: true });
    },
  };
}

/** Links a complete file into place: the lock never exists half written. */
async function tryTake(path: string, mine: Holder): Promise<boolean> {
  const own = `${path}.${mine.token}`;
  try {
    await writeFile(own, JSON.stringify(mine));
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw DiskError.from(error, path);
  } finally {
    await rm(own, { force: true });
  }
}

/** Moves a dead holder's lock aside; another process's new lock that was moved by mistake is put back. */
async function removeIfDead(path: string, holder: Holder): Promise<boolean> {
  if (!(await isDead(path, holder))) return false;
  const aside = `${path}.${randomUUID()}.dead`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw DiskError.from(error, path);
  }
  const moved = await readHolder(aside);
  if (moved && moved.token !== holder.token) {
    await link(aside, path).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw DiskError.from(error, path);
    });
  }
  await rm(aside, { force: true });
  return true;
}
