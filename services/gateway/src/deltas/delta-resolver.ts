import { failSpan, type Tracing } from '@zen/telemetry';
import type { AnswerRequest } from '../answer/answer';
import { GatewayError } from '../gateway-error';
import type { ResumeTokens } from '../resume/resume-tokens';
import type { AnswerDelta } from './answer-delta';
import { callAs, type DeltaStoreClient } from './delta-store-client';
import type { DeltaWish } from './delta-wish';
import { retrying } from './retrying';
import { storeError } from './store-error';

/** How long a thinker may take to begin with fetching a delta, seconds: its answer may wait for its turn there. */
const THINKER_SECONDS = 300;

export interface ResolverOptions {
  /** Null where no delta-store is set. */
  store: DeltaStoreClient | null;
  resume: Pick<ResumeTokens, 'read'>;
  tracing: Pick<Tracing, 'start' | 'carry'>;
  now: () => number;
  /** Told of each look-up; `failure` is undefined for one that found the delta. */
  onResolved(failure: GatewayError['failure'] | undefined, tookMs: number): void;
}

/**
 * What the delta that a request names stands for: asked of the store for each request, never remembered. An alias
 * that moves and a delta that is deleted count from the next request on, on every gateway at once, and nobody is
 * served what the store would not give now. After this the request has a digest, and keeps it to its last token.
 */
export class DeltaResolver {
  constructor(private readonly options: ResolverOptions) {}

  /** Null for the base; rejects with a GatewayError by name. An answer that goes on has the digest that it began with. */
  async resolve(request: Omit<AnswerRequest, 'delta'>, signal: AbortSignal): Promise<AnswerDelta | null> {
    const { deltaWish, resume } = request;
    if (deltaWish.name === '') return null;
    checkRight(request);
    if (!resume) return this.lookUp(request, deltaWish, signal);
    const { deltaDigest: name } = this.options.resume.read(resume, request);
    return this.lookUp(request, { ...deltaWish, name }, signal);
  }

  private async lookUp(
    { tenant, carrier }: Pick<AnswerRequest, 'tenant' | 'carrier'>,
    { name, field }: DeltaWish,
    signal: AbortSignal,
  ): Promise<AnswerDelta> {
    const { store, tracing, now, onResolved } = this.options;
    if (!store) {
      const message = `${field}: this gateway has no delta-store (ZEN_DELTA_STORE)`;
      throw new GatewayError('unsupported', message, { param: field });
    }
    const startedAtMs = now();
    const span = tracing.start('ResolveDelta', carrier);
    try {
      const metadata = callAs(store, tenant.name, 'read', tracing.carry(span));
      const { delta } = await retrying(
        (timeoutMs) => store.rpc.resolve({ name }, { signal, timeoutMs, metadata }),
        { timeoutMs: store.timeoutMs, signal, now },
      );
      if (!delta) throw new GatewayError('internal', 'the delta-store answered without a delta');
      const { digest, baseDigest, recipe, bytes } = delta;
      span.setAttribute('zen.delta', digest);
      onResolved(undefined, now() - startedAtMs);
      const token = () => store.tokens.mint({ tenant: tenant.name, may: 'read', digest }, THINKER_SECONDS);
      return { digest, baseDigest, recipe, bytes, field, token };
    } catch (error) {
      const known = storeError(error, field);
      failSpan(span, known.failure);
      onResolved(known.failure, now() - startedAtMs);
      throw known;
    } finally {
      span.end();
    }
  }
}

function checkRight({ tenant, deltaWish }: Pick<AnswerRequest, 'tenant' | 'deltaWish'>): void {
  if (tenant.deltas !== 'none') return;
  const message = `${deltaWish.field}: this key may not use deltas`;
  throw new GatewayError('forbidden', message, { param: deltaWish.field });
}
