import { type GenerateResponse, type Started, Usage } from '@zen/contracts';
import type { PrefixChain, RouteReason } from '@zen/routing';
import { RpcError } from '@zen/rpc';
import type { Group } from '../fleet/fleet';
import type { Lease } from '../fleet/replica-link';
import { promptBytes } from '../fleet/traffic';
import { allowedPriority } from '../keys/tenant';
import type { AnswerEnd, AnswerPiece, AnswerRequest } from './answer';
import type { AnswerRecord } from './answer-record';
import type { Considered } from './candidate';
import { expertFloorOf } from './expert-floor';

/** Where an answer is computed. */
export interface Place extends Omit<Considered, 'candidate'> {
  chain: PrefixChain;
  route: RouteReason;
  model: string;
  stage: number;
  /** The lowest stage that may go on with the answer where the replica loses this one. */
  floor: number;
}

/** An answer, or the rest of one, as one replica gives it; its first piece has arrived. */
export interface ThinkerStream extends Place {
  /** Tokens that the answer had before. */
  from: number;
  first: AnswerPiece | AnswerEnd;
  events: AsyncIterator<GenerateResponse>;
  lease: Lease;
}

export interface OpenOptions {
  signal: AbortSignal;
  timeoutMs: number;
  now: () => number;
}

/** Opening failed; `admitted`: the replica had begun to compute. */
export class OpenError extends Error {
  override readonly name = 'OpenError';

  constructor(
    override readonly cause: RpcError,
    readonly admitted: boolean,
  ) {
    super(cause.message);
  }
}

/** Asks a replica for what `record` lacks of the answer. Rejects with an OpenError. */
export async function openStream(
  request: AnswerRequest,
  group: Group,
  place: Place,
  record: AnswerRecord,
  { signal, timeoutMs, now }: OpenOptions,
): Promise<ThinkerStream> {
  const { link, model, stage, floor, chain, match, uncachedTokens, objective } = place;
  const from = record.position;
  const lease = link.begin(uncachedTokens + from);
  link.prefixes.sent(chain);
  const { pin, upgrade } = request.wish;
  const { delta } = request;
  const highest = Math.max(
    ...link.stages.filter((one) => one.attached && one.servable).map((one) => one.stage),
  );
  // Only an answer at the replica's highest stage may rise with it; a stage chosen for the load stays.
  const follows = pin === undefined && stage === highest && record.skipsTo <= from;
  if (!request.prefillOnly) link.arrivals.add(now());
  const stream = link.client.generate(
    {
      requestId: request.requestId,
      model,
      prompt: request.prompt,
      sampling:
        from > 0 || record.skipsTo > 0 ? { ...request.sampling, seed: record.seed } : request.sampling,
      maxTokens: request.maxTokens,
      stage: follows ? undefined : stage,
      minStage: follows ? floor : stage,
      upgrade,
      priority: allowedPriority(request.priority, request.tenant),
      tenant: request.tenant.name,
      resumeTokenIds: record.tokens,
      cutAtToken: record.skipsTo,
      prefillOnly: request.prefillOnly ?? false,
      // One that was interrupted has kept its reader waiting already.
      ttftMs: from > 0 ? 0 : Math.ceil(objective.ttftMs),
      expertFloor: expertFloorOf(request),
      delta: delta ? { digest: delta.digest, token: delta.token() } : undefined,
    },
    { signal, timeoutMs, metadata: request.carrier },
  );
  const events = stream[Symbol.asyncIterator]();
  signal.addEventListener('abort', lease.end, { once: true });
  let started: Started | undefined;
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) throw new RpcError('UNAVAILABLE', 'the thinker ended before it answered');
      if (value.event?.$case === 'started') started = value.event.value;
      const first = eventOf(value);
      if (!first) continue;
      // One that does not know of deltas would answer with the base.
      if ((started?.deltaDigest ?? '') !== (delta?.digest ?? ''))
        throw new RpcError('INTERNAL', 'the thinker answered with another delta than it was asked for');
      lease.started();
      if (started) record.started(started);
      if (started) {
        const { promptTokens, cachedPromptTokens } = started;
        // A prompt that goes on elsewhere is no new prompt.
        if (from === 0 && !request.prefillOnly)
          group.traffic.prompted(promptBytes(request.prompt), promptTokens, cachedPromptTokens);
        link.prefixes.computed(chain, match, cachedPromptTokens / Math.max(1, promptTokens));
      }
      return { ...place, from, first, events, lease };
    }
  } catch (error) {
    lease.end();
    void events.return?.();
    throw new OpenError(RpcError.from(error), started !== undefined);
  }
}

export function eventOf({ event }: GenerateResponse): AnswerPiece | AnswerEnd | undefined {
  switch (event?.$case) {
    case 'piece': {
      const { text, tokenIds, logprobs, stage, expertFalls } = event.value;
      return { kind: 'piece', text, tokenIds, logprobs, stage, expertFalls };
    }
    case 'finished': {
      const { reason, usage = Usage.create(), stop, expertFalls } = event.value;
      return { kind: 'end', reason, usage, stop, expertFalls };
    }
    default:
      return undefined;
  }
}
