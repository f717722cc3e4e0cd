import { type Band, type Crowd, replicaRoom } from '@zen/admission';
import { ExpertFloor } from '@zen/contracts';
import type { Replica, RungPolicy } from '@zen/quality';
import { allows, attempt, mayRetry, type Routing, succeed } from '@zen/routing';
import { bandOf } from '../admission/band-of';
import { chainOf, homeOfDelta, loadMs } from '../deltas/affinity';
import type { AnswerDelta } from '../deltas/answer-delta';
import { fittingGroup, hasPlace } from '../deltas/fitting-group';
import type { Fleet, Group } from '../fleet/fleet';
import type { ReplicaLink } from '../fleet/replica-link';
import { GatewayError } from '../gateway-error';
import { MOST_TOKENS, type ResumeTokens, requestDigest } from '../resume/resume-tokens';
import { callId } from '../tools/call-id';
import { takeCalls } from '../tools/take-calls';
import type { Answer, AnswerRequest } from './answer';
import { AnswerRecord, type ResumePoint } from './answer-record';
import { type Considered, consider } from './candidate';
import { checkSize } from './check-size';
import { gatewayError, replicaFailure } from './failure';
import { followAnswer } from './follow-answer';
import { moveType } from './move-type';
import { type Journey, MOST_FRUITLESS, type Mover } from './mover';
import { refusalOf } from './refusal';
import { OpenError, openStream, type Place, type ThinkerStream } from './thinker-stream';
import { type Objectives, wishOf } from './wish';

export interface AnswererOptions {
  objectives: Objectives;
  /** Milliseconds that a request of each band may wait before it is begun. */
  waitMs: Record<Band, number>;
  /** Milliseconds that one answer may take. */
  timeoutMs: number;
  /** Tokens of one answer that are kept at most, so that it can go on elsewhere. */
  keptTokens: number;
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  /** What waits at the gateway for replicas of the group, in the band and in those before it. */
  ahead(group: string, band: Band): Crowd;
  /** Which of the replicas takes a request. */
  pick: Routing;
  onRetry(request: AnswerRequest, replica: string, error: Error): void;
}

interface Chosen extends Place {
  reason: Answer['reason'];
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
    private readonly mover: Mover,
    private readonly tokens: ResumeTokens,
    private readonly options: AnswererOptions,
  ) {}

  /**
   * Resolves with the first piece, so that whoever asked can still be told another stage, or be moved to another
   * replica, while nothing has been said. Rejects with a GatewayError. Whoever asked aborts `signal` when it is
   * through with the answer in any way: that frees everything the answer holds. One that has `waited` for its turn
   * is not refused for the length of the queue. It has its place at a replica before the first await.
   */
  async start(asked: AnswerRequest, signal: AbortSignal, waited = false): Promise<Answer> {
    const startedAtMs = this.options.now();
    let thinkerMs = 0;
    const point = asked.resume ? this.tokens.read(asked.resume, asked) : null;
    const request = point ? withFloor(asked, point) : asked;
    const record = new AnswerRecord(this.options.keptTokens, MOST_TOKENS, point);
    const journey: Journey = { request, record, startedAtMs, moves: 0, fruitless: 0 };
    if (point) return this.takeUp(journey, point, signal);
    const tried = new Set<string>();
    for (;;) {
      const group = fittingGroup(this.fleet, request);
      checkSize(request, group);
      const chosen = this.choose(request, group, tried, waited);
      const { link } = chosen;
      tried.add(link.address);
      link.circuit = attempt(link.circuit, this.options.now());
      const askedAtMs = this.options.now();
      try {
        const { now, timeoutMs } = this.options;
        const stream = await openStream(request, group, chosen, record, { signal, timeoutMs, now });
        link.circuit = succeed();
        const nowMs = now();
        const { ttftMs: predictedMs = 0, reason, route } = chosen;
        thinkerMs += nowMs - askedAtMs;
        const events = followAnswer(journey, stream, group, this.following, signal);
        const answer = this.answerOf(journey, stream, { reason, route, thinkerMs, textUnits: 0, events });
        // One that gives no token says nothing of how soon others do.
        if (!request.prefillOnly) this.policy.observe(answer, 'ttft', predictedMs, nowMs - askedAtMs, nowMs);
        return answer;
      } catch (error) {
        if (!(error instanceof OpenError)) throw error;
        const { cause, admitted } = error;
        const failure = replicaFailure(cause, signal);
        this.mover.settle(link, failure);
        thinkerMs += this.options.now() - askedAtMs;
        if (admitted && moveType(cause, failure) === 'lost') journey.fruitless++;
        const again = mayRetry(failure, { started: false, attempts: tried.size });
        const lost = journey.fruitless >= MOST_FRUITLESS;
        if (!again || lost || group.links.every(({ address }) => tried.has(address)))
          throw gatewayError(cause, signal);
        this.options.onRetry(request, link.address, cause);
      }
    }
  }

  /** Throws what `start` would refuse the request for now. */
  check(request: AnswerRequest): void {
    const group = fittingGroup(this.fleet, request);
    checkSize(request, group);
    this.decide(request, group, this.views(group, new Set()), { again: true, waited: false });
  }

  private get following() {
    const { mover, policy } = this;
    return { mover, policy, now: this.options.now };
  }

  /** An answer that another gateway began: what its caller has of it is not said again. */
  private async takeUp(journey: Journey, point: ResumePoint, signal: AbortSignal): Promise<Answer> {
    const { request } = journey;
    const group = fittingGroup(this.fleet, request);
    checkSize(request, group);
    const stream = await this.mover.takeUp(journey, point, signal);
    const events = followAnswer(journey, stream, group, this.following, signal);
    const first = await events.next();
    if (first.done) throw new GatewayError('internal', 'the answer has no end');
    const { value } = first;
    const rest = async function* () {
      yield value;
      yield* events;
    };
    const counted = value.kind === 'piece' && value.tokenIds.length > 0 ? value.text.length : 0;
    const had = journey.record.textUnits - counted;
    const thinkerMs = this.options.now() - journey.startedAtMs;
    const { route } = stream;
    return this.answerOf(journey, stream, {
      reason: 'resumed',
      route,
      thinkerMs,
      textUnits: had,
      events: rest(),
    });
  }

  private answerOf(
    { request, record, startedAtMs }: Journey,
    { link, model, stage, first }: ThinkerStream,
    rest: Pick<Answer, 'reason' | 'route' | 'thinkerMs' | 'textUnits' | 'events'>,
  ): Answer {
    const used = first.kind === 'piece' ? first.stage : stage;
    return {
      model,
      replica: link.address,
      stage: used,
      quality: link.stages.find((one) => one.stage === used)?.quality,
      deltaDigest: request.delta?.digest ?? '',
      seed: record.seed,
      ttftMs: this.options.now() - startedAtMs,
      resume: this.tokens.issue(request, model, record),
      ...rest,
      events: withCalls(rest.events, request, record),
    };
  }

  private choose(request: AnswerRequest, group: Group, tried: ReadonlySet<string>, waited: boolean): Chosen {
    const nowMs = this.options.now();
    const views = this.views(group, tried);
    // Whoever has waited was counted and checked when it came; what is computed ahead is counted when it is asked.
    const again = waited || tried.size > 0 || request.prefillOnly === true;
    const { decision, wish, size } = this.decide(request, group, views, { again, waited });
    const { model, stage, reason } = decision;
    const pinned = reason === 'pinned';
    const demand = this.policy.demand(group.model, size, nowMs);
    const able = views.filter(({ view }) => view.model === model);
    const share = { ...demand, arrivalsPerSecond: demand.arrivalsPerSecond / Math.max(1, able.length) };
    const chain = chainOf(request, model, stage);
    // What a replica is held against is the request itself, not the mean one that its level is judged by.
    const own = group.traffic.estimate(request.prompt);
    const { objective } = wish;
    const ids = able.map(({ view }) => view.id);
    const home = homeOfDelta(request, ids);
    const { delta } = request;
    const asked = { stage, pinned, objective, chain, promptTokens: own, share, home, loadMs: loadMs(delta) };
    const considered = able.map(({ link, view }) => consider(link, view, asked));
    const roomy = roomyOf(considered, stage);
    const candidates = placedOf(roomy, delta).map(({ candidate }) => candidate);
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
}

/** The answer's events with the calls of tools taken out of the text, where it has any to call. */
function withCalls(
  events: Answer['events'],
  request: AnswerRequest,
  { seed, skippedText }: AnswerRecord,
): Answer['events'] {
  const { toolUse: rules, prompt } = request;
  if (!rules || prompt.$case !== 'chat') return events;
  let digest: Buffer | undefined;
  const idOf = (index: number) => {
    digest ??= requestDigest(request);
    return callId(digest, seed, index);
  };
  return takeCalls(events, { rules, prefix: prompt.value.answerPrefix + skippedText, idOf });
}

/** The floor that an answer began with holds to its end, whatever its caller says the second time. */
function withFloor(request: AnswerRequest, { expertFloor }: ResumePoint): AnswerRequest {
  if (expertFloor === ExpertFloor.EXPERT_FLOOR_UNSPECIFIED) return request;
  return { ...request, wish: { ...request.wish, expertFloor } };
}

/** While some replica has room, none is asked whose batch is full: its turn would come later. */
function roomyOf(all: readonly Considered[], stage: number): readonly Considered[] {
  const roomy = all.filter(({ link, candidate }) => {
    const state = link.occupancy();
    return candidate.stages.includes(stage) && state !== undefined && replicaRoom(state) > 0;
  });
  return roomy.length > 0 ? roomy : all;
}

/** While some replica has a place for the delta, none is asked whose places are all held by running answers. */
function placedOf(all: readonly Considered[], delta: AnswerDelta | null): readonly Considered[] {
  if (!delta) return all;
  const placed = all.filter(({ link, candidate }) => candidate.homeMs > 0 || hasPlace(link, delta));
  return placed.length > 0 ? placed : all;
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
