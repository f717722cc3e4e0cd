// up and down. `up` first ends whatever an earlier one left, so a killed `up` is repaired by the next.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { applyAddons, awaitAddons, kubectl } from './addons.mjs';
import { ensureBinaries, mustCompile } from './binaries.mjs';
import { createCgroup, removeCgroup } from './cgroups.mjs';
import { cgroup, componentNames, componentRuns, startComponent } from './components.mjs';
import { writeConfiguration } from './configuration.mjs';
import { adminKubeconfig, createCredentials } from './credentials.mjs';
import { createNamespaces, destroyNamespaces, initPid, runInside } from './namespaces.mjs';
import { addressFile, connect, disconnect, nodeIp } from './network.mjs';
import { requireMachine } from './requirements.mjs';
import { say, until } from './run.mjs';
import { NODE, run as runFolder } from './settings.mjs';
import { ensureSystemImages, loadSystemImages } from './system-images.mjs';

/** Waits until the API server says that it is ready. */
export const awaitApiServer = () =>
  until(
    'the API server',
    () => kubectl(['get', '--raw', '/readyz'], { timeoutMs: 10_000 }) === 'ok',
    120_000,
  );

/** `stopped`: no cluster; `partial`: some component is missing; `running`. */
export function state() {
  if (initPid() === undefined) return { state: 'stopped', missing: componentNames };
  const missing = componentNames.filter((name) => !componentRuns(name));
  return { state: missing.length === 0 ? 'running' : 'partial', missing };
}

/** Leaves no process, mount, interface, cgroup or file of the cluster. Does nothing where there is none. */
export async function down() {
  const connected = existsSync(addressFile);
  if (connected && initPid() !== undefined) disconnect();
  await destroyNamespaces();
  if (connected) await removeCgroup(cgroup());
  rmSync(runFolder, { recursive: true, force: true });
}

/** Starts a cluster, unless one runs already. Throws CannotRun where this machine is not able to. */
export async function up() {
  if (state().state === 'running') {
    say('already up');
    return;
  }
  requireMachine(mustCompile());
  ensureBinaries();
  ensureSystemImages();
  await down();
  const started = Date.now();
  mkdirSync(runFolder, { recursive: true, mode: 0o700 });
  connect(await createNamespaces());
  createCredentials(nodeIp());
  createCgroup(cgroup());
  writeConfiguration();
  for (const name of ['containerd', 'registry', 'etcd', 'apiserver']) startComponent(name);
  await until('containerd', () => runInside(['ctr', 'version'], { timeoutMs: 10_000 }), 60_000);
  loadSystemImages();
  await awaitApiServer();
  for (const name of ['controller-manager', 'scheduler', 'kubelet', 'proxy']) startComponent(name);
  applyAddons();
  const ready = ['get', 'node', NODE, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'];
  await until('the node', () => kubectl(ready, { timeoutMs: 10_000 }) === 'True', 120_000);
  // It needs the node's pod network, which the controller manager has set by now.
  startComponent('router');
  awaitAddons();
  say(`up in ${((Date.now() - started) / 1000).toFixed(0)} s; export KUBECONFIG=${adminKubeconfig}`);
}

/** The last lines of each component's log, for a failure's report. */
export const logTails = (lines = 20) =>
  componentNames
    .filter((name) => existsSync(join(runFolder, 'log', `${name}.log`)))
    .map((name) => {
      const text = readFileSync(join(runFolder, 'log', `${name}.log`), 'utf8');
      return `== ${name}\n${text.trimEnd().split('\n').slice(-lines).join('\n')}`;
    })
    .join('\n');
