import { HttpError } from './http-error';
import { type HttpRequest, httpJson, httpRequest } from './http-request';
import type { RegistryLogin } from './registry-logins';
import { type RetryPolicy, withRetries } from './retry';

const MAX_TOKEN_ANSWER = 1024 * 1024;
/** Challenges answered in a row; a registry that is never satisfied is refused. */
const MAX_CHALLENGES = 3;

/** The bearer token flow of OCI registries, and basic authentication where that is asked for. */
export class RegistryAuthorization {
  private current: string | null = null;
  private challenges = 0;
  private renewing: Promise<void> | null = null;

  constructor(
    private readonly repository: string,
    /** What is asked for where the registry's challenge names no scope. */
    private readonly actions: 'pull' | 'pull,push',
    private readonly login: RegistryLogin | null,
    private readonly retry: RetryPolicy,
  ) {}

  /** Value of the next request's Authorization header, or null. */
  header(): string | null {
    return this.current;
  }

  accepted(): void {
    this.challenges = 0;
  }

  /** One request with the credentials that the registry asks for; several may run at once. */
  async send(request: HttpRequest, signal: AbortSignal): Promise<Response> {
    for (;;) {
      const used = this.current;
      const accept = [...(request.accept ?? []), 401];
      const response = await httpRequest({ ...request, authorization: used, accept }, this.retry, signal);
      if (response.status !== 401) {
        this.accepted();
        return response;
      }
      await response.body?.cancel();
      // Requests that were refused together need one new token.
      if (this.current !== used) continue;
      this.renewing ??= this.answer(response.headers.get('www-authenticate'), signal).finally(() => {
        this.renewing = null;
      });
      await this.renewing;
    }
  }

  /** Prepares the answer to a `WWW-Authenticate`; the request is then tried again. */
  async answer(challenge: string | null, signal: AbortSignal): Promise<void> {
    this.challenges += 1;
    if (this.challenges > MAX_CHALLENGES) {
      throw new HttpError('unauthorized', `oci repository ${this.repository}: refused`);
    }
    const scheme = /^\s*(\w+)/.exec(challenge ?? '')?.[1]?.toLowerCase();
    if (scheme === 'basic' && this.login) this.current = this.basic();
    else if (scheme === 'bearer') this.current = `Bearer ${await this.token(challenge!, signal)}`;
    else throw new HttpError('unauthorized', `oci repository ${this.repository}: wants credentials`);
  }

  private basic(): string | null {
    if (!this.login) return null;
    const { username, password } = this.login;
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  private async token(challenge: string, signal: AbortSignal): Promise<string> {
    const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1]!, m[2]!]));
    const realm = fields.get('realm') ?? '';
    const url = URL.canParse(realm) ? new URL(realm) : null;
    if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      throw new HttpError(
        'unauthorized',
        `oci repository ${this.repository}: realm ${realm} is no web address`,
      );
    }
    const service = fields.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', fields.get('scope') ?? `repository:${this.repository}:${this.actions}`);
    const { json } = await withRetries(url.href, this.retry, signal, () =>
      httpJson({ url: url.href, authorization: this.basic() }, MAX_TOKEN_ANSWER, this.retry, signal),
    );
    const answer = (json ?? {}) as { token?: unknown; access_token?: unknown };
    const token = answer.token ?? answer.access_token;
    if (typeof token !== 'string' || !/^[\x21-\x7e]{1,65536}$/.test(token)) {
      throw new HttpError('unauthorized', `${url.origin}: no usable token`);
    }
    return token;
  }
}

/** Registries on the own machine speak plain HTTP, as in other clients. */
export function registryOrigin(registry: string): string {
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(registry);
  return `${local ? 'http' : 'https'}://${registry}`;
}
