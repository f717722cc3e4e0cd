import type { ApiServer } from './api-server';
import { ClusterError } from './cluster-error';
import { readJson } from './read-json';
import { type ApiRequest, request } from './request';

/** The largest object that etcd takes has 1.5 MiB. */
const MAX_OBJECT_BYTES = 8 * 2 ** 20;
/** One request with its answer. */
const WHOLE_MS = 60_000;

/** How the parts of a patch are read. */
export const APPLY_PATCH = 'application/apply-patch+yaml';
export const MERGE_PATCH = 'application/merge-patch+json';

/** One request and its answer, read whole. Everything but a 2xx is a ClusterError; so is a connection that breaks. */
export async function send<T = unknown>(
  server: ApiServer,
  asked: ApiRequest,
  signal: AbortSignal,
): Promise<T> {
  const whole = AbortSignal.any([signal, AbortSignal.timeout(WHOLE_MS)]);
  try {
    return await readJson<T>(await request(server, asked, whole), MAX_OBJECT_BYTES, 'an object');
  } catch (error) {
    if (error instanceof ClusterError) throw error;
    throw new ClusterError((error as Error).message);
  }
}
