import type { Band } from '@zen/admission';
import { pause } from '@zen/pause';
import type { RungPolicy } from '@zen/quality';
import { attempt, countsAgainst, fail, type ReplicaFailure, type Routing, succeed } from '@zen/routing';
import { RpcError } from '@zen/rpc';
import { deltaFailure } from '../deltas/delta-failure';
import type { Fleet } from '../fleet/fleet';
import type { ReplicaLink } from '../fleet/replica-link';
import { GatewayError } from '../gateway-error';
import type { AnswerRequest } from './answer';
import type { AnswerRecord } from './answer-record';
import { gatewayError, replicaFailure } from './failure';
import { type MoveType, moveType } from './move-type';
import { nextPlace } from './next-place';
import { OpenError, openStream, type ThinkerStream } from './thinker-stream';
import type { Objectives } from './wish';

export interface MoverOptions {
  /** Whether answers go on elsewhere at all. */
  enabled: boolean;
  /** Times that one answer moves at most. */
  mostMoves: number;
  /** Milliseconds that an answer waits for a replica that can go on with it. */
  mostWaitMs: number;
  /** Milliseconds that one answer may take. */
  timeoutMs: number;
  objectives: Objectives;
  waitMs: Record<Band, number>;
  pick: Routing;
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  onMove(request: AnswerRequest, move: Move): void;
}

/** An answer that goes on elsewhere, or does not. */
export interface Move {
  type: MoveType;
  /** Where it was; empty for one that another gateway began. */
  from: string;
  /** Where it goes on; undefined if it ended. */
  to: string | undefined;
  /** Tokens that it had. */
  tokens: number;
  /** From the failure to the next piece, or to giving up. */
  tookMs: number;
  reason: string;
}

/** One answer on its way, as far as moving is concerned. */
export interface Journey {
  request: AnswerRequest;
  record: AnswerRecord;
  startedAtMs: number;
  moves: number;
  /** How often in a row a replica failed at the answer, or was lost with it, and had given nothing. */
  fruitless: number;
}

/**
 * A request that kills whoever computes it must not walk over the whole fleet: an answer that has failed so often in
 * a row without a token is given to nobody else.
 */
export const MOST_FRUITLESS = 2;
/** A replica that failed the answer is left out for so long. */
const SHUN_MS = 1000;
const LOOK_EVERY_MS = 50;
const CANCELLED = new RpcError('CANCELLED', 'the caller is gone');
/** A replica that is there may still get the answer's own stage: so long that is waited for. */
const PATIENCE_MS = 5000;

/** Takes answers from replicas that fail to others, with the tokens that they have. */
export class Mover {
  constructor(
    private readonly fleet: Fleet,
    private readonly policy: RungPolicy,
    private readonly options: MoverOptions,
  ) {}

  /** The rest of an answer whose stream broke off; rejects with a GatewayError where it ends here. */
  async move(
    journey: Journey,
    broken: ThinkerStream,
    error: RpcError,
    signal: AbortSignal,
  ): Promise<ThinkerStream> {
    const { record } = journey;
    const failure = replicaFailure(error, signal);
    const type = moveType(error, failure);
    this.settle(broken.link, failure);
    if (record.position > broken.from) journey.fruitless = 0;
    const mayMove = this.options.enabled && record.whole && journey.moves < this.options.mostMoves;
    if (!type) throw gatewayError(error, signal);
    if (mayMove) return this.goOn(journey, broken, type, gatewayError(error, signal), signal);
    const { address } = broken.link;
    if (this.options.enabled) this.report(journey, { type, from: address, to: undefined }, 0, error.message);
    throw gatewayError(error, signal);
  }

  /** An answer that another gateway began. */
  takeUp(
    journey: Journey,
    from: { model: string; stage: number },
    signal: AbortSignal,
  ): Promise<ThinkerStream> {
    const nobody = new GatewayError('unavailable', 'no replica can go on with the answer now', {
      retryAfterS: 1,
    });
    return this.goOn(journey, from, 'handover', nobody, signal);
  }

  settle(link: ReplicaLink, failure: ReplicaFailure): void {
    if (countsAgainst(failure)) link.circuit = fail(link.circuit, this.options.now());
    // Even a refusal shows that the replica is well.
    else if (failure !== 'cancelled') link.circuit = succeed();
  }

  private async goOn(
    journey: Journey,
    from: { model: string; stage: number; link?: ReplicaLink },
    type: MoveType,
    why: GatewayError,
    signal: AbortSignal,
  ): Promise<ThinkerStream> {
    const { now, mostWaitMs } = this.options;
    const sinceMs = now();
    const address = from.link?.address ?? '';
    const shunned = new Map<string, number>(from.link ? [[address, sinceMs]] : []);
    let seenAtMs: number | undefined;
    let last = why;
    journey.moves++;
    try {
      for (;;) {
        if (signal.aborted) throw gatewayError(CANCELLED, signal);
        const nowMs = now();
        for (const [one, atMs] of shunned) if (nowMs - atMs > SHUN_MS) shunned.delete(one);
        const next = this.look(journey, from, new Set(shunned.keys()), seenAtMs);
        if (next.t === 'place') {
          const opened = await this.open(journey, next, signal);
          if (!(opened instanceof GatewayError)) {
            this.report(
              journey,
              { type, from: address, to: opened.link.address },
              now() - sinceMs,
              why.message,
            );
            return opened;
          }
          last = opened;
          shunned.set(next.place.link.address, now());
        } else {
          last = next.error;
          if (next.seen) seenAtMs ??= nowMs;
        }
        if (now() - sinceMs >= mostWaitMs) throw last;
        await pause(LOOK_EVERY_MS, signal);
      }
    } catch (error) {
      const known = GatewayError.from(error);
      if (known.failure !== 'cancelled')
        this.report(journey, { type, from: address, to: undefined }, now() - sinceMs, known.message);
      throw known;
    }
  }

  private look(
    { request, record }: Journey,
    { model, stage }: { model: string; stage: number },
    shunned: ReadonlySet<string>,
    seenAtMs: number | undefined,
  ) {
    const nowMs = this.options.now();
    const pinned = request.wish.pin !== undefined || record.position < record.skipsTo;
    const patience = Math.min(PATIENCE_MS, this.options.mostWaitMs / 2);
    const impatient = seenAtMs !== undefined && nowMs - seenAtMs >= patience;
    const need = { model, stage, pinned, shunned, impatient };
    const { fleet, policy } = this;
    return nextPlace(request, need, { fleet, policy, ...this.options }, nowMs);
  }

  /** The stream, or why this replica does not give it while another may; throws where none can. */
  private async open(
    journey: Journey,
    { group, place }: Extract<ReturnType<typeof nextPlace>, { t: 'place' }>,
    signal: AbortSignal,
  ): Promise<ThinkerStream | GatewayError> {
    const { request, record, startedAtMs } = journey;
    const { now, timeoutMs } = this.options;
    const { link } = place;
    link.circuit = attempt(link.circuit, now());
    const leftMs = Math.max(1, timeoutMs - (now() - startedAtMs));
    try {
      const stream = await openStream(request, group, place, record, { signal, now, timeoutMs: leftMs });
      link.circuit = succeed();
      return stream;
    } catch (thrown) {
      if (!(thrown instanceof OpenError)) throw thrown;
      const { cause, admitted } = thrown;
      const failure = replicaFailure(cause, signal);
      this.settle(link, failure);
      const error = gatewayError(cause, signal);
      const type = moveType(cause, failure);
      const atFault = type === 'failed' || (type === 'lost' && admitted);
      if (atFault && ++journey.fruitless >= MOST_FRUITLESS) throw error;
      // A stage that went just now, or a model that is not ready again: another replica, or another moment.
      const stageGone = cause.code === 'FAILED_PRECONDITION' && deltaFailure(cause) === undefined;
      const passing = failure === 'unavailable' || failure === 'overloaded' || stageGone;
      if (!passing) throw error;
      return error;
    }
  }

  private report(
    { request, record }: Journey,
    move: Pick<Move, 'type' | 'from' | 'to'>,
    tookMs: number,
    reason: string,
  ): void {
    this.options.onMove(request, { ...move, tokens: record.position, tookMs, reason });
  }
}
