import { checkCancelled, HttpError } from './http-error';
import { RetryableError, type RetryPolicy, retryAfterMs } from './retry';

const MAX_REDIRECTS = 5;
/** Statuses that another try may heal. */
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface HttpRequest {
  url: string;
  /** GET unless stated. */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array;
  /** Credentials; sent to the first host only, never after a redirect to another. */
  authorization?: string | null;
  /** Whether a GET or HEAD follows redirects (it does unless stated); nothing else ever does. */
  redirects?: boolean;
  /** Statuses besides 2xx that the caller handles itself. */
  accept?: readonly number[];
}

/**
 * One request with a bounded number of redirects and a limit on silence. Throws RetryableError for what another
 * try may heal and HttpError for the rest. The caller must read or cancel the body.
 */
export async function httpRequest(
  request: HttpRequest,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<Response> {
  const origin = new URL(request.url).origin;
  let url = request.url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const headers: Record<string, string> = { 'accept-encoding': 'identity', ...request.headers };
    if (request.authorization && new URL(url).origin === origin)
      headers.authorization = request.authorization;
    const response = await send(url, request, headers, policy, signal);
    if (response.status < 300 || response.status > 399 || response.status === 304) {
      return check(response, url, request.accept ?? []);
    }
    await response.body?.cancel();
    const { method = 'GET', redirects = true } = request;
    if (!redirects || (method !== 'GET' && method !== 'HEAD')) {
      throw new HttpError('network', `${url}: a ${method} was redirected`);
    }
    url = nextUrl(response, url);
  }
  throw new HttpError('network', `${request.url}: more than ${MAX_REDIRECTS} redirects`);
}

async function send(
  url: string,
  { method = 'GET', body }: HttpRequest,
  headers: Record<string, string>,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<Response> {
  checkCancelled(signal, url);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), policy.idleMs);
  try {
    return await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([signal, silence.signal]),
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    });
  } catch (error) {
    if (signal.aborted) throw new HttpError('cancelled', `${url}: cancelled`, { cause: error });
    if (silence.signal.aborted) throw new RetryableError(`no answer for ${policy.idleMs / 1000} s`, null);
    throw new RetryableError(networkReason(error), null, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function nextUrl(response: Response, from: string): string {
  const location = response.headers.get('location');
  if (location === null || !URL.canParse(location, from)) {
    throw new HttpError('network', `${from}: status ${response.status} without a usable Location`);
  }
  const next = new URL(location, from);
  if (next.protocol !== 'https:' && next.protocol !== 'http:') {
    throw new HttpError('network', `${from}: redirect to ${next.protocol} refused`);
  }
  if (new URL(from).protocol === 'https:' && next.protocol === 'http:') {
    throw new HttpError('network', `${from}: redirect from https to http refused`);
  }
  return next.href;
}

async function check(response: Response, url: string, accept: readonly number[]): Promise<Response> {
  const { status } = response;
  if ((status >= 200 && status < 300) || accept.includes(status)) {
    const encoding = response.headers.get('content-encoding');
    if (encoding === null || encoding === 'identity') return response;
    await response.body?.cancel();
    throw new HttpError('network', `${url}: content-encoding ${encoding} was not asked for`);
  }
  const wait = retryAfterMs(response.headers.get('retry-after'), Date.now());
  await response.body?.cancel();
  if (RETRYABLE.has(status)) throw new RetryableError(`status ${status}`, wait);
  if (status === 401 || status === 403) throw new HttpError('unauthorized', `${url}: status ${status}`);
  if (status === 404 || status === 410) throw new HttpError('not-found', `${url}: status ${status}`);
  throw new HttpError('network', `${url}: status ${status}`);
}

/** fetch() hides the reason in a chain of causes. */
function networkReason(error: unknown): string {
  const reasons: string[] = [];
  for (let at = error; at instanceof Error && reasons.length < 4; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (at.message) reasons.push(code && !at.message.includes(code) ? `${at.message} (${code})` : at.message);
  }
  return reasons.join(': ') || String(error);
}

/** The body in pieces; RetryableError when it stops coming. */
export async function* readBody(
  response: Response,
  policy: RetryPolicy,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new RetryableError(`no byte for ${policy.idleMs / 1000} s`, null)),
          policy.idleMs,
        );
      });
      let next: Awaited<ReturnType<typeof reader.read>>;
      try {
        next = await Promise.race([reader.read(), silence]);
      } catch (error) {
        if (signal.aborted) throw new HttpError('cancelled', `${response.url}: cancelled`, { cause: error });
        if (error instanceof RetryableError) throw error;
        throw new RetryableError(networkReason(error), null, { cause: error });
      } finally {
        clearTimeout(timer);
      }
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Ends the connection where the body was not read to its end; its own error is the one already thrown.
    await reader.cancel().catch(() => undefined);
  }
}

/** A whole body of at most `maxBytes`. */
export async function readSmallBody(
  response: Response,
  maxBytes: number,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of readBody(response, policy, signal)) {
    length += part.length;
    if (length > maxBytes) throw new HttpError('too-large', `${response.url}: above ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** A small JSON document, for manifests and the like. */
export async function httpJson(
  request: HttpRequest,
  maxBytes: number,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<{ json: unknown; bytes: Uint8Array; headers: Headers; status: number }> {
  const response = await httpRequest(request, policy, signal);
  const bytes = await readSmallBody(response, maxBytes, policy, signal);
  try {
    return {
      json: JSON.parse(bytes.toString('utf8')),
      bytes,
      headers: response.headers,
      status: response.status,
    };
  } catch (error) {
    if (!response.ok) return { json: null, bytes, headers: response.headers, status: response.status };
    throw new HttpError('bad-format', `${request.url}: not JSON`, { cause: error });
  }
}
