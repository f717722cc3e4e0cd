import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterError } from './cluster-error';

/** An API server and who asks it. Files are read for each request, because a cluster renews token and CA. */
export interface ApiServer {
  /** `https://host:port`; `http:` is for a proxy on this machine. */
  url: string;
  token(): string | undefined;
  /** PEM of the authority that its certificate comes from. */
  authority(): string | undefined;
  /** The namespace that the process runs in. */
  namespace: string;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The cluster that this pod runs in, by its service account. Throws a ClusterError that says what is missing. */
export function inCluster(
  env: Readonly<Record<string, string | undefined>>,
  folder: string = ACCOUNT,
): ApiServer {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) throw new ClusterError('KUBERNETES_SERVICE_HOST is not set: this is no pod');
  const text = (name: string) => readFileSync(join(folder, name), 'utf8').trim();
  for (const name of ['token', 'ca.crt', 'namespace']) {
    if (existsSync(join(folder, name))) continue;
    throw new ClusterError(`${join(folder, name)} is missing: the pod needs automountServiceAccountToken`);
  }
  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    token: () => text('token'),
    authority: () => text('ca.crt'),
    namespace: text('namespace'),
  };
}
