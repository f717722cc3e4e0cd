// Where things are and which addresses they have. Two folders: the cache (kept) and the run folder (gone after `down`).
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const here = join(root, 'infra', 'cluster');

function folder(name, fallback) {
  const value = process.env[name];
  if (!value) return fallback;
  if (!isAbsolute(value)) throw new Error(`${name}: ${value} must be an absolute path`);
  return value;
}

/** The cache of everything, as `$ZEN_HOME` names it. */
export const home = folder(
  'ZEN_HOME',
  join(process.env.XDG_CACHE_HOME || join(process.env.HOME || homedir(), '.cache'), 'zen'),
);

/** Binaries, base images and the registry's content; safe to delete while no cluster runs. */
export const cache = join(home, 'cluster');
/** Everything of one running cluster. Two clusters on one machine need two run folders. */
export const run = folder('ZEN_CLUSTER_DIR', join(cache, 'run'));

export const KUBERNETES = '1.34.4';
export const NODE = 'zen-node';
export const POD_CIDR = '10.244.0.0/16';
export const NODE_POD_CIDR = '10.244.0.0/24';
export const SERVICE_CIDR = '10.96.0.0/16';
export const API_SERVICE_IP = '10.96.0.1';
export const DNS_IP = '10.96.0.10';
/** The registry's name in image references: containerd, pods and charts all use it. */
export const REGISTRY = 'registry.kube-system.svc:5000';

/** How the folders are called inside the cluster's mount namespace, wherever they are outside. */
export const inside = { run: '/run/zen', cache: '/run/zen-cache' };

/** This machine's architecture in the words of Go and OCI. */
export const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** Exit status when this machine cannot run a cluster (EX_UNAVAILABLE), which is no failure of the tree. */
export const CANNOT_RUN = 69;

export class CannotRun extends Error {}
