// The whole cluster lives in namespaces of its own (processes, mounts, network). The kernel ends all of it when
// their first process ends, so nothing can be left behind, however `up` or a component died. What files the parts
// write into /run, /var/lib and /var/log goes to the run folder.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary } from './binaries.mjs';
import { run, until } from './run.mjs';
import { cache, inside, run as runFolder } from './settings.mjs';

/** Host pids of processes whose arguments satisfy `matches`. */
function processes(matches) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return matches(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1));
      } catch {
        return false;
      }
    })
    .map(Number);
}

// The init gets its run folder as an argument, only to be found by it.
const isInit = (argv) => argv.length === 2 && argv[0].endsWith('/init') && argv[1] === runFolder;
const isHolder = (argv) => argv[0] === 'unshare' && argv.at(-1) === runFolder;

/** Host pid of the namespaces' first process, or undefined where no cluster runs. */
export const initPid = () => processes(isInit)[0];

const NAMESPACES = ['--mount', '--net', '--pid', '--ipc', '--uts'];

export function enterArguments(pid = initPid()) {
  if (pid === undefined) throw new Error('no cluster runs: npm run cluster -- up');
  return ['--target', String(pid), ...NAMESPACES, '--'];
}

/** Runs a command inside the namespaces and returns its output. */
export const runInside = (argv, options) => run('nsenter', [...enterArguments(), ...argv], options);

const MOUNTS = `set -e
R=$1; C=$2
mkdir -p $R/ns-run
mount -t tmpfs -o mode=755 tmpfs $R/ns-run
mkdir $R/ns-run/zen $R/ns-run/zen-cache $R/ns-run/lock
mount --bind $R $R/ns-run/zen
mount --bind $C $R/ns-run/zen-cache
mount --rbind $R/ns-run /run
mount --bind ${inside.run}/var-lib /var/lib
mount --bind ${inside.run}/log /var/log
mount --make-rshared /
ip link set lo up
sysctl -q -w net.ipv4.ip_forward=1
`;

/** Makes the namespaces with their mounts; returns the host pid of their first process. */
export async function createNamespaces() {
  for (const name of ['var-lib', 'log', 'pids']) mkdirSync(join(runFolder, name), { recursive: true });
  const log = openSync(join(runFolder, 'log', 'init.log'), 'a');
  const init = [binary('init'), runFolder];
  spawn('unshare', ['--fork', '--kill-child', ...NAMESPACES, '--mount-proc', '--', ...init], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  }).unref();
  const pid = await until('the namespaces', initPid, 10_000, 20);
  runInside(['sh', '-c', MOUNTS, 'sh', runFolder, cache]);
  return pid;
}

/** Ends every process of the cluster; with them go its mounts, interfaces and packet filter. */
export async function destroyNamespaces() {
  const all = () => [...processes(isHolder), ...processes(isInit)];
  for (const pid of all()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
  await until('the end of the cluster', () => all().length === 0, 60_000, 50);
}
