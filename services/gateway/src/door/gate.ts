import { type GatewayConfig, hostOf, isLoopback } from '../config';
import { GatewayError } from '../gateway-error';
import type { KeyRing } from '../keys/key-ring';
import { ANONYMOUS, type Tenant } from '../keys/tenant';
import { type Headers, Visit, type VisitServices } from './visit';

/** Lets requests in by either door and knows who is inside. */
export class Gate {
  private readonly inside = new Set<Visit>();
  private draining = false;
  private closing = false;
  private emptied: () => void = () => {};

  constructor(
    private readonly config: Pick<GatewayConfig, 'listen' | 'allowAnonymous'>,
    private readonly keys: KeyRing,
    private readonly services: VisitServices,
  ) {}

  /** Whether a shutdown has begun: whoever can go elsewhere should. */
  get leaving(): boolean {
    return this.draining;
  }

  get count(): number {
    return this.inside.size;
  }

  /** Starts a visit, or throws who may not come in. */
  enter(route: string, headers: Headers): Visit {
    return this.enterAs(route, headers, () => this.keys.authenticate(headers.authorization));
  }

  /** The same of somebody who is known by other means; `tenantOf` throws where that is no longer so. */
  enterAs(route: string, headers: Headers, tenantOf: () => Tenant): Visit {
    if (this.closing) {
      throw new GatewayError('unavailable', 'the gateway is shutting down', { retryAfterS: 1 });
    }
    const tenant = tenantOf();
    const visit = new Visit(this.services, route, tenant, headers);
    this.inside.add(visit);
    return visit;
  }

  leave(visit: Visit, status: number, complete: boolean): void {
    this.inside.delete(visit);
    visit.leave(status, complete);
    if (this.inside.size === 0) this.emptied();
  }

  /**
   * Where no key is needed only this machine is meant, so a page on some web site must not reach it through the
   * browser by pointing a name of its own at 127.0.0.1: the host that it asked for has to be this machine.
   */
  checkHost(host: string | undefined): void {
    if (this.keys.required || this.config.allowAnonymous) return;
    const name = /:\d+$/.test(host ?? '') ? hostOf(host ?? '') : (host ?? '');
    if (isLoopback(`${name}:0`) || name === hostOf(this.config.listen)) return;
    throw new GatewayError(
      'forbidden',
      'without API keys only requests to this machine by its own name are served',
    );
  }

  /** What goes on inside is for whoever has a key; where none is needed, for this machine alone. */
  checkOperator(headers: Headers, remoteAddress: string | undefined): Tenant {
    if (this.keys.required) return this.keys.authenticate(headers.authorization);
    const address = (remoteAddress ?? '').replace(/^::ffff:/, '');
    if (address === '::1' || isLoopback(`${address}:0`)) return ANONYMOUS;
    throw new GatewayError('forbidden', 'without API keys only this machine may ask');
  }

  /** Says that it goes, and lets everybody in as before. */
  drain(): void {
    this.draining = true;
  }

  /** Lets nobody new in. */
  close(): void {
    this.draining = true;
    this.closing = true;
  }

  /** Resolves when the last visit has ended or `mostMs` have passed. */
  async empty(mostMs: number): Promise<void> {
    if (this.inside.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends what is still inside; callers learn that the server is shutting down. */
  expel(): void {
    for (const visit of this.inside) visit.interrupt();
  }
}
