import { type GenerateResponse, type Started, Usage } from '@zen/contracts';
import { decide, type Objective, predict, pressure, type StageController } from '@zen/quality';
import {
  allows,
  attempt,
  type Candidate,
  countsAgainst,
  fail,
  mayRetry,
  pick,
  type ReplicaFailure,
  succeed,
} from '@zen/routing';
import { RpcError } from '@zen/rpc';
import type { Fleet, Group } from '../fleet/fleet';
import type { Lease, ReplicaLink } from '../fleet/replica-link';
import { promptBytes } from '../fleet/traffic';
import { GatewayError } from '../gateway-error';
import { allowedPriority } from '../keys/tenant';
import type { Answer, AnswerEnd, AnswerPiece, AnswerRequest } from './answer';
import { checkSize } from './check-size';
import { gatewayError, replicaFailure } from './failure';
import { refusalOf } from './refusal';
import { wishOf } from './wish';

export interface AnswererOptions {
  objective: Objective;
  maxQueueMs: number;
  /** Milliseconds that one answer may take. */
  timeoutMs: number;
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  onRetry(request: AnswerRequest, replica: string, error: Error): void;
}

interface Chosen {
  link: ReplicaLink;
  stage: number;
  reason: Answer['reason'];
}

/** Chooses stage and replica of a request and follows its answer. */
export class Answerer {
  constructor(
    private readonly fleet: Fleet,
    private readonly controller: StageController,
    private readonly options: AnswererOptions,
  ) {}

  /**
   * Resolves with the first piece, so that whoever asked can still be told another stage, or be moved to another
   * replica, while nothing has been said. Rejects with a GatewayError. Whoever asked aborts `signal` when it is
   * through with the answer in any way: that frees everything the answer holds.
   */
  async start(request: AnswerRequest, signal: AbortSignal): Promise<Answer> {
    const startedAtMs = this.options.now();
    const tried = new Set<string>();
    for (;;) {
      const group = this.fleet.group(request.model);
      checkSize(request, group);
      const { link, stage, reason } = this.choose(request, group, tried);
      tried.add(link.address);
      link.circuit = attempt(link.circuit, this.options.now());
      try {
        const opened = await this.open(request, group, link, stage, signal);
        link.circuit = succeed();
        const ttftMs = this.options.now() - startedAtMs;
        return { ...opened, reason, ttftMs };
      } catch (error) {
        const known = RpcError.from(error);
        const failure = replicaFailure(known, signal);
        this.settle(link, failure);
        const again = mayRetry(failure, { started: false, attempts: tried.size });
        if (!again || group.links.every(({ address }) => tried.has(address)))
          throw gatewayError(known, signal);
        this.options.onRetry(request, link.address, known);
      }
    }
  }

  private choose(request: AnswerRequest, group: Group, tried: ReadonlySet<string>): Chosen {
    const nowMs = this.options.now();
    const views = group.links.flatMap((link) => {
      const view = link.view();
      // A broken one looks idle, and would make every stage look cheap.
      const usable = view && !tried.has(view.id) && allows(link.circuit, nowMs);
      return usable ? [{ link, view }] : [];
    });
    const { meanPromptTokens: promptTokens, meanAnswerTokens } = group.traffic;
    const size = { promptTokens, meanAnswerTokens };
    if (views.length === 0) throw nobody();
    const wish = wishOf(request, group, this.options.objective);
    const replicas = views.map(({ view }) => view);
    const decision = decide(
      this.controller,
      { key: group.model, replicas },
      wish,
      size,
      { maxQueueMs: this.options.maxQueueMs },
      nowMs,
    );
    if (decision.kind !== 'serve') throw refusalOf(decision);
    const { stage, reason } = decision;
    const pinned = reason === 'pinned';
    const candidates = views.map(({ link, view }): Candidate => {
      const prediction = predict(view.load, stage, size);
      return {
        id: view.id,
        ready: true,
        circuit: link.circuit,
        stages: view.stages.filter((one) => one.attached && (pinned || one.servable)).map((one) => one.stage),
        pressure: prediction ? pressure(prediction, wish.objective) : null,
      };
    });
    const choice = pick(candidates, { stage, tried }, nowMs, this.options.random);
    const link = choice.t === 'picked' && group.links.find(({ address }) => address === choice.id);
    if (!link) throw nobody();
    return { link, stage, reason };
  }

  private async open(
    request: AnswerRequest,
    group: Group,
    link: ReplicaLink,
    stage: number,
    signal: AbortSignal,
  ): Promise<Omit<Answer, 'reason' | 'ttftMs'>> {
    const lease = link.begin(group.traffic.estimate(request.prompt));
    const stream = link.client.generate(
      {
        requestId: request.requestId,
        model: group.model,
        prompt: request.prompt,
        sampling: request.sampling,
        maxTokens: request.maxTokens,
        stage,
        // What the caller is told is what it gets.
        minStage: stage,
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
      if (started) group.traffic.prompted(promptBytes(request.prompt), started.promptTokens);
      const used = first.kind === 'piece' ? first.stage : (started?.stage ?? stage);
      return {
        model: group.model,
        replica: link.address,
        stage: used,
        quality: link.stages.find((one) => one.stage === used)?.quality,
        seed: started?.seed ?? 0n,
        events: this.rest(first, events, lease, group, link, signal),
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
    link: ReplicaLink,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPiece | AnswerEnd> {
    let ended = false;
    try {
      let event: AnswerPiece | AnswerEnd | undefined = first;
      for (;;) {
        if (event?.kind === 'end') {
          ended = true;
          group.traffic.answered(event.usage.completionTokens);
          // Reads the status that follows, so that the call ends by itself; the answer is whole whatever it says.
          events.next().catch(() => undefined);
          yield event;
          return;
        }
        if (event) yield event;
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
