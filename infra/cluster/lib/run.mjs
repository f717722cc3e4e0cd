// Child processes with errors that say what failed.
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';

export const say = (text) => process.stderr.write(`[cluster] ${text}\n`);

/** Runs to the end within `timeoutMs` (default 2 minutes) and returns stdout; throws with the end of stderr. */
export function run(file, argv, { timeoutMs = 120_000, log, ...options } = {}) {
  const result = spawnSync(file, argv, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...options,
  });
  if (log) appendFileSync(log, `$ ${file} ${argv.join(' ')}\n${result.stdout ?? ''}${result.stderr ?? ''}`);
  const what = `${file} ${argv.slice(0, 6).join(' ')}`;
  if (result.error?.code === 'ETIMEDOUT') throw new Error(`${what}: not done within ${timeoutMs / 1000} s`);
  if (result.error) throw new Error(`${what}: ${result.error.message}`);
  if (result.status !== 0) {
    const tail = (result.stderr || result.stdout || '').trim().split('\n').slice(-15).join('\n');
    throw new Error(`${what}: exit ${result.status ?? result.signal}\n${tail}${log ? `\nsee ${log}` : ''}`);
  }
  return result.stdout ?? '';
}

/** Whether it exits 0 within ten seconds. */
export const works = (file, argv) => spawnSync(file, argv, { stdio: 'ignore', timeout: 10_000 }).status === 0;

/** Waits until `condition()` is truthy and returns its value; an error of the condition counts as "not yet". */
export async function until(what, condition, timeoutMs = 60_000, everyMs = 200) {
  const end = Date.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${timeoutMs / 1000} s${last ? ` (${last.message})` : ''}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
