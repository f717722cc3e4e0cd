import { join } from 'node:path';
import { run } from './command';
import { ROOT } from './target';

export type Component =
  | 'containerd'
  | 'registry'
  | 'etcd'
  | 'apiserver'
  | 'controller-manager'
  | 'scheduler'
  | 'kubelet'
  | 'proxy'
  | 'router';

const cluster = (...argv: string[]) =>
  run(process.execPath, [join(ROOT, 'infra', 'cluster', 'cluster.mjs'), ...argv], { timeoutMs: 180_000 });

/** Stops one component of the local test cluster (`target.local`); pods go on. */
export const stopComponent = (name: Component): Promise<string> => cluster('stop', name);
/** Starts it again; for the API server, returns when it answers. */
export const startComponent = (name: Component): Promise<string> => cluster('start', name);
/** Runs a program inside the local test cluster's namespaces, such as `ctr` or `iptables`. */
export const insideCluster = (...argv: string[]): Promise<string> => cluster('shell', ...argv);
