import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiskError } from './disk-error';

interface Holder {
  pid: number;
  host: string;
  /** Of the process: a restarted container has the same host and process numbers as before. */
  life: string;
  token: string;
}

const LIFE = randomUUID();

/** The holder touches its lock this often; one untouched for STALE_MS belongs to nobody. */
const BEAT_MS = 2_000;
const STALE_MS = 30_000;
const POLL_MS = 200;

export interface ProcessLock {
  /** Fires when another process has taken the lock, which happens only after this one slept for STALE_MS. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Takes a lock file that excludes other processes, also those of other machines on a shared folder. A dead
 * process's lock is taken over: at once when it ran on this machine, after STALE_MS otherwise.
 */
export async function lockFile(
  path: string,
  options: { signal: AbortSignal; waitMs: number; onWait?: (holder: string) => void },
): Promise<ProcessLock> {
  const mine: Holder = { pid: process.pid, host: hostname(), life: LIFE, token: randomUUID() };
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
  const lost = new AbortController();
  let beat: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    beat = touch(path, mine).catch((error) => lost.abort(error));
  }, BEAT_MS);
  timer.unref();
  return {
    lost: lost.signal,
    async release() {
      clearInterval(timer);
      await beat;
      const holder = await readHolder(path);
      if (holder?.token === mine.token) await rm(path, { force: true });
    },
  };
}

async function touch(path: string, mine: Holder): Promise<void> {
  const holder = await readHolder(path);
  if (holder?.token !== mine.token) throw new DiskError('locked', `${path}: taken by another process`);
  const now = new Date();
  await utimes(path, now, now);
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

async function readHolder(path: string): Promise<Holder | null> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder;
    if (typeof holder.pid === 'number' && typeof holder.host === 'string') return holder;
    return { pid: 0, host: '', life: '', token: '' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof SyntaxError) return { pid: 0, host: '', life: '', token: '' }; // a foreign file: it can only age
    throw DiskError.from(error, path);
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

async function isDead(path: string, holder: Holder): Promise<boolean> {
  try {
    // The clock of the file system and ours may differ on a shared folder; STALE_MS is far above that.
    if (Date.now() - (await stat(path)).mtimeMs > STALE_MS) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw DiskError.from(error, path);
  }
  if (holder.host !== hostname() || holder.pid <= 0) return false;
  if (holder.pid === process.pid) return holder.life !== LIFE;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
