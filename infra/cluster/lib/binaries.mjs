// Programs of the cluster that are no Debian packages: compiled once from Go modules.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { kubeTools } from '../../../scripts/kube-tools.mjs';
import { run, say } from './run.mjs';
import { arch, CannotRun, cache, here, inside, KUBERNETES } from './settings.mjs';

const [major, minor] = KUBERNETES.split('.');
const version = 'k8s.io/component-base/version';
const KUBERNETES_FLAGS = `-s -w -X ${version}.gitVersion=v${KUBERNETES} -X ${version}.gitMajor=${major} -X ${version}.gitMinor=${minor}`;
const kubernetes = (name) => [name, 'kubernetes', `k8s.io/kubernetes/cmd/${name}`, KUBERNETES_FLAGS];

/** name, module folder under go/, package, linker flags; the slowest first. */
const BUILT = [
  kubernetes('kube-apiserver'),
  kubernetes('kube-controller-manager'),
  kubernetes('kube-scheduler'),
  kubernetes('kubelet'),
  kubernetes('kube-proxy'),
  ['etcd', 'kubernetes', 'go.etcd.io/etcd/server/v3', '-s -w'],
  ['coredns', 'coredns', 'github.com/coredns/coredns', '-s -w'],
  ['kube-router', 'kube-router', 'github.com/cloudnativelabs/kube-router/v2/cmd/kube-router', '-s -w'],
  ['metrics-server', 'metrics-server', 'sigs.k8s.io/metrics-server/cmd/metrics-server', '-s -w'],
  ['local-path-provisioner', 'local-path-provisioner', 'github.com/rancher/local-path-provisioner', '-s -w'],
];
const digest = (...parts) => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);

function folderOf(module, flags) {
  const read = (name) => readFileSync(join(here, 'go', module, name), 'utf8');
  return join('bin', `${module}-${digest(read('go.mod'), read('go.sum'), flags, arch)}`);
}

const paths = new Map(
  BUILT.map(([name, module, , flags]) => [name, join(folderOf(module, flags), name)]).concat([
    ['init', join('bin', `init-${digest(readFileSync(join(here, 'init.c'), 'utf8'), arch)}`, 'init')],
  ]),
);

/** Where a program is on this machine. */
export const binary = (name) => join(cache, paths.get(name));
/** Where it is inside the cluster's namespaces. */
export const binaryInside = (name) => join(inside.cache, paths.get(name));

/** Written beside its place and renamed, so that what was killed half-way is never taken for a program. */
function place(name, make) {
  const target = binary(name);
  if (existsSync(target)) return;
  mkdirSync(join(target, '..'), { recursive: true });
  const part = `${target}.${process.pid}.part`;
  make(part);
  chmodSync(part, 0o755);
  renameSync(part, target);
}

function compile(name, module, path, flags, at) {
  place(name, (part) => {
    const started = Date.now();
    say(`building ${name} (${at})`);
    run('go', ['build', '-p', '2', '-mod=readonly', '-trimpath', '-ldflags', flags, '-o', part, path], {
      cwd: join(here, 'go', module),
      env: { ...process.env, CGO_ENABLED: '0' },
      timeoutMs: 3_600_000,
    });
    say(`built ${name} in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  });
}

/** Paths of helm and kubectl, fetched where they are missing. */
export function tools() {
  const { helm, kubectl } = kubeTools();
  if (!helm || !kubectl) throw new CannotRun('helm and kubectl cannot be had here');
  return { helm, kubectl };
}

/** Whether something must still be compiled. */
export const mustCompile = () => BUILT.some(([name]) => !existsSync(binary(name)));

/** Builds and fetches what is missing; about ten minutes on two cores the first time, nothing afterwards. */
export function ensureBinaries() {
  place('init', (part) =>
    run('cc', ['-O2', '-static', '-Wall', '-Werror', '-o', part, join(here, 'init.c')]),
  );
  tools();
  BUILT.forEach(([name, module, path, flags], i) => {
    compile(name, module, path, flags, `${i + 1} of ${BUILT.length}`);
  });
}
