import type { IncomingMessage } from 'node:http';
import type { ApiServer } from './api-server';
import { request } from './request';

/** GETs a path; resolves with the body of a 200, as it comes. Everything else is a ClusterError. */
export function ask(
  server: ApiServer,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return request(server, { method: 'GET', path, query }, signal);
}
