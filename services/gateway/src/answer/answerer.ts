import type { Band, Crowd } from '@zen/admission';
import { type GenerateResponse, type Started, Usage } from '@zen/contracts';
import type { Replica, RungPolicy } from '@zen/quality';
import {
  allows,
  attempt,
  countsAgainst,
  fail,
  mayRetry,
  type PrefixChain,
  prefixChain,
  type ReplicaFailure,
  type RouteReason,
  type Routing,
  succeed,
} from '@zen/routing';
import { RpcError } from '@zen/rpc';
import { bandOf } from '../admission/band-of';
import type { Fleet, Group } from '../fleet/fleet';
import type { Lease, ReplicaLink } from '../fleet/replica-link';
import { promptBytes } from '../fleet/traffic';
import { GatewayError } from '../gateway-error';
import { allowedPriority } from '../keys/tenant';
import type { Answer, AnswerEnd, AnswerPiece, AnswerRequest } from './answer';
import { type Considered, consider } from './candidate';
import { checkSize } from './check-size';
import { gatewayError, replicaFailure } from './failure';
import { Pace } from './pace';
import { promptParts } from './prompt-parts';
import { refusalOf } from './refusal';
import { type Objectives, wishOf } from './wish';

export interface AnswererOptions {
  objectives: Objectives;
  /** Milliseconds that a request of each band may wait before it is begun. */
  waitMs: Record<Band, number>;
  /** Milliseconds that one answer may take. */
  timeoutMs: number;
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  /** What waits at the gateway for replicas of the group, in the band and in those before it. */
  ahead(group: string, band: Band): Crowd;
  /** Which of the replicas takes a request. */
  pick: Routing;
  onRetry(request: AnswerRequest, replica: string, error: Error): void;
}

interface Chosen extends Omit<Considered, 'candidate'> {
  chain: PrefixChain;
  route: RouteReason;
  model: string;
  stage: number;
  reason: Answer['reason'];
  /** The lowest stage that may go on with the answer where the replica loses this one. */
  floor: number;
}

interface View {
  link: ReplicaLink;
  view: Replica;
}

/** Chooses rung and replica of a request and follows its answer. */
export class Answerer {
  constructor(
    private readonly fleet: Fleet,
    private readonly policy: RungPolicy,
    private readonly options: AnswererOptions,
  ) {}

  /**
   * Resolves with the first piece, so that whoever asked can still be told another stage, or be moved to another
   * replica, while nothing has been said. Rejects with a GatewayError. Whoever asked aborts `signal` when it is
   * through with the answer in any way: that frees everything the answer holds. One that has `waited` for its turn
   * is not refused for the length of the queue. It has its place at a replica before the first await.
   */
  async start(request: AnswerRequest, signal: AbortSignal, waited = false): Promise<Answer> {
    const startedAtMs = this.options.now();
    let thinkerMs = 0;
    const tried = new Set<string>();
    for (;;) {
      const group = this.fleet.group(request.model);
      checkSize(request, group);
      const chosen = this.choose(request, group, tried, waited);
      const { link } = chosen;
      tried.add(link.address);
      link.circuit = attempt(link.circuit, this.options.now());
      const askedAtMs = this.options.now();
      try {
        const opened = await this.open(request, group, chosen, signal);
        link.circuit = succeed();
        const nowMs = this.options.now();
        const { ttftMs: predictedMs = 0, reason, route } = chosen;
        this.policy.observe(opened, 'ttft', predictedMs, nowMs - askedAtMs, nowMs);
        thinkerMs += nowMs - askedAtMs;
        return { ...opened, reason, route, ttftMs: nowMs - startedAtMs, thinkerMs };
      } catch (error) {
        const known = RpcError.from(error);
        const failure = replicaFailure(known, signal);
        this.settle(link, failure);
        thinkerMs += this.options.now() - askedAtMs;
        const again = mayRetry(failure, { started: false, attempts: tried.size });
        if (!again || group.links.every(({ address }) => tried.has(address)))
          throw gatewayError(known, signal);
        this.options.onRetry(request, link.address, known);
      }
    }
  }

  /** Throws what `start` would refuse the request for now. */
  check(request: AnswerRequest): void {
    const group = this.fleet.group(request.model);
    checkSize(request, group);
    this.decide(request, group, this.views(group, new Set()), { again: true, waited: false });
  }

  private choose(request: AnswerRequest, group: Group, tried: ReadonlySet<string>, waited: boolean): Chosen {
    const nowMs = this.options.now();
    const views = this.views(group, tried);
    // Whoever has waited was counted and checked when it came.
    const again = waited || tried.size > 0;
    const { decision, wish, size } = this.decide(request, group, views, { again, waited });
    const { model, stage, reason } = decision;
    const pinned = reason === 'pinned';
    const demand = this.policy.demand(group.model, size, nowMs);
    const able = views.filter(({ view }) => view.model === model);
    const share = { ...demand, arrivalsPerSecond: demand.arrivalsPerSecond / Math.max(1, able.length) };
    const chain = prefixChain(`${model} ${stage}`, promptParts(request.prompt));
    // What a replica is held against is the request itself, not the mean one that its level is judged by.
    const own = group.traffic.estimate(request.prompt);
    const { objective } = wish;
    const asked = { stage, pinned, objective, chain, promptTokens: own, share };
    const considered = able.map(({ link, view }) => consider(link, view, asked));
    const candidates = considered.map(({ candidate }) => candidate);
    const choice = this.options.pick(candidates, { stage, tried }, nowMs, this.options.random);
    const picked = choice.t === 'picked' && considered.find(({ candidate }) => candidate.id === choice.id);
    if (!picked) throw nobody();
    const floor = wish.full || wish.structured ? stage : wish.minStage;
    return { ...picked, chain, route: choice.reason, model, stage, reason, floor };
  }

  private views(group: Group, tried: ReadonlySet<string>): View[] {
    const nowMs = this.options.now();
    return group.links.flatMap((link) => {
      const view = link.view();
      // A broken one looks idle, and would make every stage look cheap.
      const usable = view && !tried.has(view.id) && allows(link.circuit, nowMs);
      return usable ? [{ link, view }] : [];
    });
  }

  private decide(
    request: AnswerRequest,
    group: Group,
    views: readonly View[],
    { again, waited }: { again: boolean; waited: boolean },
  ) {
    const { meanPromptTokens: promptTokens, meanAnswerTokens } = group.traffic;
    const size = { promptTokens, meanAnswerTokens };
    if (views.length === 0) throw nobody();
    const wish = wishOf(request, group, this.options);
    if (waited) wish.maxQueueMs = Number.POSITIVE_INFINITY;
    const { requests } = this.options.ahead(group.model, bandOf(wish.priority));
    const idle = views.map(({ view }) => view);
    const replicas = withCrowd(idle, requests, promptTokens);
    const rungs = { key: group.model, members: group.members, replicas };
    const decision = this.policy.decide(rungs, wish, size, this.options.now(), again);
    if (decision.kind !== 'serve') throw refusalOf(decision);
    return { decision, wish, size };
  }

  private async open(
    request: AnswerRequest,
    group: Group,
    { link, model, stage, floor, chain, match, uncachedTokens }: Chosen,
    signal: AbortSignal,
  ): Promise<Omit<Answer, 'reason' | 'route' | 'ttftMs' | 'thinkerMs'>> {
    const lease = link.begin(uncachedTokens);
    link.prefixes.sent(chain);
    const { pin, upgrade } = request.wish;
    const highest = Math.max(
      ...link.stages.filter((one) => one.attached && one.servable).map((one) => one.stage),
    );
    // Only an answer at the replica's highest stage may rise with it; a stage chosen for the load stays.
    const follows = pin === undefined && stage === highest;
    link.arrivals.add(this.options.now());
    const stream = link.client.generate(
      {
        requestId: request.requestId,
        model,
        prompt: request.prompt,
        sampling: request.sampling,
        maxTokens: request.maxTokens,
        stage: follows ? undefined : stage,
        minStage: follows ? floor : stage,
        upgrade,
        priority: allowedPriority(request.priority, request.tenant),
        tenant: request.tenant.name,
      },
      { signal, timeoutMs: this.options.timeoutMs, metadata: request.carrier },
    );
    const events = stream[Symbol.asyncIterator]();
    signal.addEventListener('abort', lease.end, { once: true });
    try {
      const { started, first } = await untilFirst(events);
      lease.started();
      if (started) {
        const { promptTokens, cachedPromptTokens } = started;
        group.traffic.prompted(promptBytes(request.prompt), promptTokens, cachedPromptTokens);
        link.prefixes.computed(chain, match, cachedPromptTokens / Math.max(1, promptTokens));
      }
      const used = first.kind === 'piece' ? first.stage : (started?.stage ?? stage);
      return {
        model,
        replica: link.address,
        stage: used,
        quality: link.stages.find((one) => one.stage === used)?.quality,
        seed: started?.seed ?? 0n,
        events: this.rest(first, events, lease, group, { link, model, stage: used }, signal),
      };
    } catch (error) {
      lease.end();
      throw error;
    }
  }

  private async *rest(
    first: AnswerPiece | AnswerEnd,
    events: AsyncIterator<GenerateResponse>,
    lease: Lease,
    group: Group,
    { link, model, stage }: Pick<Chosen, 'link' | 'model' | 'stage'>,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPiece | AnswerEnd> {
    const pace = new Pace(link, this.options.now);
    let ended = false;
    try {
      let event: AnswerPiece | AnswerEnd | undefined = first;
      for (;;) {
        if (event?.kind === 'end') {
          ended = true;
          group.traffic.answered(event.usage.completionTokens);
          const paced = pace.end(event.usage.completionTokens, stage, group.traffic);
          if (paced)
            this.policy.observe({ model, stage }, 'tpot', paced.predictedMs, paced.observedMs, paced.atMs);
          // Reads the status that follows, so that the call ends by itself; the answer is whole whatever it says.
          events.next().catch(() => undefined);
          yield event;
          return;
        }
        if (event) {
          pace.hand();
          yield event;
          pace.taken();
        }
        const { done, value } = await events.next();
        if (done) throw new RpcError('UNAVAILABLE', 'the thinker ended an answer without a finish');
        event = eventOf(value);
      }
    } catch (error) {
      const known = RpcError.from(error);
      this.settle(link, replicaFailure(known, signal));
      throw gatewayError(known, signal);
    } finally {
      lease.end();
      if (!ended) await events.return?.();
    }
  }

  private settle(link: ReplicaLink, failure: ReplicaFailure): void {
    if (countsAgainst(failure)) link.circuit = fail(link.circuit, this.options.now());
    // Even a refusal shows that the replica is well.
    else if (failure !== 'cancelled') link.circuit = succeed();
  }
}

/** The stage falls for what waits at the gateway as it would if the same waited at the replicas. */
function withCrowd(replicas: Replica[], requests: number, promptTokens: number): Replica[] {
  if (requests === 0) return replicas;
  const share = requests / replicas.length;
  return replicas.map((replica) => {
    const waiting = replica.load.waiting + share;
    const prefillTokensWaiting = replica.load.prefillTokensWaiting + share * promptTokens;
    return { ...replica, load: { ...replica.load, waiting, prefillTokensWaiting } };
  });
}

function nobody(): GatewayError {
  return new GatewayError('unavailable', 'no replica can take the request now', { retryAfterS: 1 });
}

/** Reads up to the first piece or the end. */
async function untilFirst(
  events: AsyncIterator<GenerateResponse>,
): Promise<{ started: Started | undefined; first: AnswerPiece | AnswerEnd }> {
  let started: Started | undefined;
  for (;;) {
    const { done, value } = await events.next();
    if (done) throw new RpcError('UNAVAILABLE', 'the thinker ended before it answered');
    if (value.event?.$case === 'started') started = value.event.value;
    const first = eventOf(value);
    if (first) return { started, first };
  }
}

function eventOf({ event }: GenerateResponse): AnswerPiece | AnswerEnd | undefined {
  switch (event?.$case) {
    case 'piece':
      return {
        kind: 'piece',
        text: event.value.text,
        logprobs: event.value.logprobs,
        stage: event.value.stage,
      };
    case 'finished': {
      const usage = event.value.usage ?? Usage.create();
      return { kind: 'end', reason: event.value.reason, usage, stop: event.value.stop };
    }
    default:
      return undefined;
  }
}
