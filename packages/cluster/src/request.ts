import { request as httpRequest, type IncomingMessage, STATUS_CODES } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ApiServer } from './api-server';
import { ClusterError } from './cluster-error';

/** Time to the response's headers. */
const ANSWER_MS = 30_000;
/** Longest refusal that is read for its message, characters. */
const MAX_REFUSAL = 16 * 1024;

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  body?: object;
  /** Of the body; `application/json` unless a patch says what it is. */
  contentType?: string;
}

/** Asks the API server; resolves with the body of a 2xx, as it comes. Everything else is a ClusterError. */
export async function request(
  server: ApiServer,
  { method, path, query = {}, body, contentType = 'application/json' }: ApiRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const url = new URL(path, server.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const token = server.token();
  const ca = server.authority();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, {
      method,
      // Its own connection: one that went bad while idle must not be tried again.
      agent: false,
      signal,
      headers: {
        accept: 'application/json',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(text === undefined
          ? {}
          : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
      },
      ...(ca === undefined ? {} : { ca }),
    });
    const late = setTimeout(
      () => request.destroy(new ClusterError(`no answer in ${ANSWER_MS} ms`)),
      ANSWER_MS,
    );
    const answered = (response: IncomingMessage) => {
      clearTimeout(late);
      resolve(response);
    };
    const failed = (error: Error) => {
      clearTimeout(late);
      reject(error);
    };
    request.once('response', answered).once('error', failed).end(text);
  });
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  throw await refusal(response);
}

async function refusal(response: IncomingMessage): Promise<ClusterError> {
  const status = response.statusCode ?? 0;
  const waitS = Number(response.headers['retry-after']);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_REFUSAL) break;
  }
  const message = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? STATUS_CODES[status] ?? '';
  return new ClusterError(`${status}: ${message}`, status, waitS > 0 ? waitS * 1000 : null);
}
