// The processes that make up the cluster, in the order in which they start. Each can be stopped and started alone.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { binaryInside } from './binaries.mjs';
import { runInside } from './namespaces.mjs';
import { clusterNumber, nodeIp } from './network.mjs';
import { until } from './run.mjs';
import { inside, NODE, POD_CIDR, run as runFolder, SERVICE_CIDR } from './settings.mjs';

const pki = (file) => `${inside.run}/pki/${file}`;
const kubeconfig = (name) => `--kubeconfig=${inside.run}/${name}.kubeconfig`;

/** The cgroup under which all pods are. */
export const cgroup = () => `zen-cluster${clusterNumber()}`;

const COMPONENTS = {
  containerd: () => ['containerd', '--config', `${inside.run}/containerd.toml`],
  registry: () => ['docker-registry', 'serve', `${inside.run}/registry.yaml`],
  etcd: () => [
    binaryInside('etcd'),
    '--data-dir=/var/lib/etcd',
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    // A test cluster does not outlive its machine.
    '--unsafe-no-fsync',
  ],
  apiserver: () => [
    binaryInside('kube-apiserver'),
    '--etcd-servers=http://127.0.0.1:2379',
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--client-ca-file=${pki('ca.crt')}`,
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--service-account-key-file=${pki('sa.pub')}`,
    `--service-account-signing-key-file=${pki('sa.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    '--bind-address=0.0.0.0',
    '--secure-port=6443',
    `--advertise-address=${nodeIp()}`,
    '--allow-privileged=true',
    // The node has no name that resolves: without this `logs` and `exec` do not find it.
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-client-certificate=${pki('admin.crt')}`,
    `--kubelet-client-key=${pki('admin.key')}`,
    `--requestheader-client-ca-file=${pki('front-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pki('front.crt')}`,
    `--proxy-client-key-file=${pki('front.key')}`,
  ],
  'controller-manager': () => [
    binaryInside('kube-controller-manager'),
    kubeconfig('controller-manager'),
    `--service-account-private-key-file=${pki('sa.key')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    '--use-service-account-credentials',
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${POD_CIDR}`,
    '--leader-elect=false',
  ],
  scheduler: () => [binaryInside('kube-scheduler'), kubeconfig('scheduler'), '--leader-elect=false'],
  kubelet: () => [
    binaryInside('kubelet'),
    kubeconfig('kubelet'),
    `--config=${inside.run}/kubelet.yaml`,
    `--hostname-override=${NODE}`,
    `--node-ip=${nodeIp()}`,
  ],
  proxy: () => [
    binaryInside('kube-proxy'),
    kubeconfig('proxy'),
    '--proxy-mode=iptables',
    `--cluster-cidr=${POD_CIDR}`,
    `--hostname-override=${NODE}`,
    // The limits of connection tracking belong to the machine, not to a namespace.
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ],
  router: () => [
    binaryInside('kube-router'),
    kubeconfig('router'),
    '--run-router=false',
    '--run-service-proxy=false',
    '--run-firewall=true',
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    `--hostname-override=${NODE}`,
  ],
};

export const componentNames = Object.keys(COMPONENTS);

function checkName(name) {
  if (!componentNames.includes(name)) {
    throw new Error(`no component is called "${name}"; they are ${componentNames.join(', ')}`);
  }
}

const pidFile = (name) => join(runFolder, 'pids', name);

/** Whether its process lives. Pids are those of the cluster's own namespace. */
export function componentRuns(name) {
  checkName(name);
  if (!existsSync(pidFile(name))) return false;
  const pid = readFileSync(pidFile(name), 'utf8').trim();
  return runInside(['sh', '-c', `kill -0 ${pid} 2>/dev/null && echo yes || echo no`]).trim() === 'yes';
}

// `setsid` as a background job of a shell executes the program in place, so $! is the program's own pid.
const START = 'pid=$1; log=$2; shift 2; cd /; setsid "$@" >>"$log" 2>&1 </dev/null & echo $! >"$pid"';

export function startComponent(name) {
  checkName(name);
  if (componentRuns(name)) return;
  const files = [`${inside.run}/pids/${name}`, `${inside.run}/log/${name}.log`];
  runInside(['sh', '-c', START, 'sh', ...files, ...COMPONENTS[name]()]);
}

/** SIGTERM, and SIGKILL after twenty seconds; returns when the process is gone. */
export async function stopComponent(name) {
  checkName(name);
  if (!componentRuns(name)) return;
  const pid = readFileSync(pidFile(name), 'utf8').trim();
  const send = (signal) => runInside(['sh', '-c', `kill -${signal} ${pid} 2>/dev/null || true`]);
  send('TERM');
  const gone = () => !componentRuns(name);
  await until(`the end of ${name}`, gone, 20_000).catch(async () => {
    send('KILL');
    await until(`the end of ${name}`, gone, 20_000);
  });
  rmSync(pidFile(name), { force: true });
}
