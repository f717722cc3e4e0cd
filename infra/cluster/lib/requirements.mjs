// What a machine must have, in the order in which it is checked; each refusal says what to do.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { run, say, works } from './run.mjs';
import { CannotRun } from './settings.mjs';

/** Programs from Debian packages. */
const PROGRAMS = [
  ['/usr/bin/containerd', 'containerd'],
  ['/usr/sbin/runc', 'runc'],
  ['/usr/lib/cni/bridge', 'containernetworking-plugins'],
  ['/usr/bin/buildah', 'buildah'],
  ['/usr/sbin/ipset', 'ipset'],
  ['/usr/sbin/iptables', 'iptables'],
  ['/usr/bin/mmdebstrap', 'mmdebstrap'],
  ['/usr/bin/docker-registry', 'docker-registry'],
  ['/usr/bin/openssl', 'openssl'],
  ['/usr/bin/unzip', 'unzip'],
  ['/usr/bin/nsenter', 'util-linux'],
  ['/usr/bin/ip', 'iproute2'],
  ['/usr/bin/cc', 'gcc'],
];
const CONTROLLERS = ['cpu', 'cpuset', 'memory', 'pids'];

function checkCgroups() {
  const two = '/sys/fs/cgroup/cgroup.controllers';
  const have = existsSync(two)
    ? readFileSync(two, 'utf8').trim().split(' ')
    : existsSync('/sys/fs/cgroup')
      ? readdirSync('/sys/fs/cgroup').flatMap((name) => name.split(','))
      : [];
  const missing = CONTROLLERS.filter((name) => !have.includes(name));
  if (missing.length > 0) throw new CannotRun(`/sys/fs/cgroup lacks ${missing.join(', ')}`);
}

function checkGo() {
  let version;
  try {
    version = run('go', ['env', 'GOVERSION'], { timeoutMs: 10_000 }).trim();
  } catch {
    throw new CannotRun('Go 1.24.4 or newer must be on the PATH to build Kubernetes');
  }
  const [major, minor, patch] = version.replace(/^go/, '').split('.').map(Number);
  if (major === 1 && (minor < 24 || (minor === 24 && patch < 4))) {
    throw new CannotRun(`Go 1.24.4 or newer is needed to build Kubernetes; this is ${version}`);
  }
}

function installPrograms() {
  const missing = [...new Set(PROGRAMS.filter(([path]) => !existsSync(path)).map(([, name]) => name))];
  if (missing.length === 0) return;
  if (!works('apt-get', ['--version'])) {
    throw new CannotRun(`missing, and no apt-get to install them: ${missing.join(', ')}`);
  }
  say(`installing ${missing.join(', ')}`);
  // Some are services that would start at once: they must not.
  const policy = '/usr/sbin/policy-rc.d';
  const script = `test -e ${policy} || { printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod +x ${policy}; made=1; }
    apt-get update -qq; apt-get install -y -qq --no-install-recommends ${missing.join(' ')}; status=$?
    test -z "$made" || rm ${policy}; exit $status`;
  try {
    run('sh', ['-c', script], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeoutMs: 600_000,
    });
  } catch (error) {
    throw new CannotRun(`cannot install ${missing.join(', ')}: ${error.message.split('\n').at(-1)}`);
  }
}

/** Throws CannotRun with the reason, or leaves a machine with every program. `goNeeded`: something must be built. */
export function requireMachine(goNeeded) {
  if (process.platform !== 'linux') throw new CannotRun('a cluster needs Linux');
  if (process.getuid() !== 0) throw new CannotRun('a cluster needs root (namespaces, mounts, cgroups)');
  checkCgroups();
  if (!works('unshare', ['--mount', '--net', '--pid', '--fork', 'true'])) {
    throw new CannotRun('this machine does not let root make mount, network and process namespaces');
  }
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\toverlay')) {
    if (!works('modprobe', ['overlay'])) throw new CannotRun('the kernel has no overlay file system');
  }
  if (goNeeded) checkGo();
  installPrograms();
}
