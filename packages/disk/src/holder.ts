import { randomUUID } from 'node:crypto';
import { readFile, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { DiskError } from './disk-error';

/** Who holds something: the content of a file that stands for it. */
export interface Holder {
  pid: number;
  host: string;
  /** Of the process: a restarted container has the same host and process numbers as before. */
  life: string;
  token: string;
}

const LIFE = randomUUID();

/** The holder touches its file this often; one untouched for STALE_MS belongs to nobody. */
const BEAT_MS = 2_000;
const STALE_MS = 30_000;

export function newHolder(): Holder {
  return { pid: process.pid, host: hostname(), life: LIFE, token: randomUUID() };
}

export interface Heartbeat {
  /** Fires when the file is another's, which happens only after this process slept for STALE_MS. */
  readonly lost: AbortSignal;
  stop(): Promise<void>;
}

/** Touches the holder's file until it is stopped; does not keep the process alive. */
export function keepAlive(path: string, mine: Holder): Heartbeat {
  const lost = new AbortController();
  let beat: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    beat = touch(path, mine).catch((error) => lost.abort(error));
  }, BEAT_MS);
  timer.unref();
  return {
    lost: lost.signal,
    stop() {
      clearInterval(timer);
      return beat;
    },
  };
}

async function touch(path: string, mine: Holder): Promise<void> {
  const holder = await readHolder(path);
  if (holder?.token !== mine.token) throw new DiskError('locked', `${path}: taken by another process`);
  const now = new Date();
  await utimes(path, now, now);
}

/** Null where there is no such file. */
export async function readHolder(path: string): Promise<Holder | null> {
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

/** Whether nobody holds it any more: known at once where the holder ran on this machine, after STALE_MS otherwise. */
export async function isDead(path: string, holder: Holder): Promise<boolean> {
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
