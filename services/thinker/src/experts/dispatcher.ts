import type { RunExpertsResponse } from '@zen/contracts';
import type { ExpertCall } from '@zen/engine';
import { pairOffsets } from './call-message';
import { choosePods } from './choose-pods';
import type { ExpertPod, PodFailure } from './expert-pod';
import type { Hedging } from './hedging';

export interface DispatcherOptions {
  hiddenSize: number;
  /** Pods that may compute the expert at this stage now. */
  holders(layer: number, expert: number, stage: number): readonly ExpertPod[];
  /** The pod said that it does not hold this one. */
  notHeld(pod: ExpertPod, layer: number, expert: number): void;
  complete(id: number, outputs: Float32Array, missing: Uint8Array): void;
  hedging: Hedging;
  events: DispatchEvents;
  nowUs(): number;
  /** Calls back after a while; the result forgets that. */
  later(ms: number, then: () => void): () => void;
}

export interface DispatchEvents {
  /** A pod answered a part of a call. */
  answered(pairs: number, us: number): void;
  /** A late part is asked of a replica too. */
  hedged(): void;
  /** A pod failed at a part; `again`: some of it is asked elsewhere. */
  failed(failure: PodFailure, again: boolean): void;
  /** Pairs that nobody computed: they fall as far as each row allows. */
  missing(pairs: number): void;
}

type Ask = { pod: ExpertPod; experts: readonly number[]; cancel: () => void; forget: () => void };

/** One call of a layer until every expert of it is answered or missing. */
interface Flight {
  call: ExpertCall;
  offsets: Int32Array;
  outputs: Float32Array;
  missing: Uint8Array;
  /** By expert of the call: settled, asked of how many now, and asked of whom so far. */
  settled: Uint8Array;
  running: Int32Array;
  tried: Set<ExpertPod>[];
  open: number;
  asks: Set<Ask>;
}

/**
 * Gives the experts of a step that are elsewhere to their pods, one message for each, and the answers back to the
 * step. A part that is late is asked of a replica too, one that fails goes to a replica; what nobody has is missing,
 * at once: how far a row may then fall is the engine's to know.
 */
export class Dispatcher {
  constructor(private readonly options: DispatcherOptions) {}

  dispatch(call: ExpertCall): void {
    const { hiddenSize } = this.options;
    const offsets = pairOffsets(call);
    const { length } = call.experts;
    const flight: Flight = {
      call,
      offsets,
      outputs: new Float32Array((offsets[length] as number) * hiddenSize),
      missing: new Uint8Array(length),
      settled: new Uint8Array(length),
      running: new Int32Array(length),
      tried: Array.from({ length }, () => new Set<ExpertPod>()),
      open: length,
      asks: new Set(),
    };
    this.ask(flight, [...call.experts.keys()]);
  }

  /** Asks whoever has these and was not asked yet; where there is nobody and nothing is under way, it is missing. */
  private ask(flight: Flight, wanted: readonly number[]): boolean {
    const { call, tried, running, settled } = flight;
    const needs = wanted.map((at) => ({
      at,
      pairs: call.counts[at] as number,
      pods: this.options
        .holders(call.layer, call.experts[at] as number, call.stage)
        .filter((pod) => !tried[at]?.has(pod)),
    }));
    const plan = choosePods(needs, (pod, pairs) => pod.timeUs(pairs));
    for (const [pod, experts] of plan) this.send(flight, pod, experts);
    for (const { at } of needs) {
      if (settled[at] || running[at]) continue;
      settled[at] = 1;
      flight.missing[at] = 1;
      flight.open--;
      this.options.events.missing(call.counts[at] as number);
    }
    this.settle(flight);
    return plan.size > 0;
  }

  private send(flight: Flight, pod: ExpertPod, experts: readonly number[]): void {
    const { call, offsets, running, tried } = flight;
    const { hedging, nowUs, later } = this.options;
    const pairs = this.pairsOf(flight, experts);
    for (const at of experts) {
      running[at] = (running[at] as number) + 1;
      tried[at]?.add(pod);
    }
    const sentUs = nowUs();
    const lateUs = hedging.begin(pairs);
    const ask: Ask = { pod, experts, cancel: () => undefined, forget: () => undefined };
    flight.asks.add(ask);
    if (Number.isFinite(lateUs))
      ask.forget = later(lateUs / 1000, () => this.late(flight, ask, pairs, lateUs));
    ask.cancel = pod.run({
      call,
      experts,
      offsets,
      answered: (answer) => {
        this.over(flight, ask);
        const us = nowUs() - sentUs;
        hedging.times.add(pairs, us);
        this.options.events.answered(pairs, us);
        this.take(flight, ask, answer);
      },
      failed: (failure) => {
        this.over(flight, ask);
        this.failed(flight, ask, failure);
      },
    });
  }

  /** Where someone else has what the pod is late with, whoever answers first is right: the bits are the same. */
  private late(flight: Flight, ask: Ask, pairs: number, us: number): void {
    // The next call goes elsewhere: second askings are few.
    ask.pod.late(pairs, us);
    const { call, settled, running, tried } = flight;
    const { holders, hedging, events } = this.options;
    const wanted = ask.experts.filter((at) => {
      const others = holders(call.layer, call.experts[at] as number, call.stage);
      return !settled[at] && running[at] === 1 && others.some((pod) => !tried[at]?.has(pod));
    });
    if (wanted.length === 0 || !hedging.take()) return;
    events.hedged();
    this.ask(flight, wanted);
  }

  private over(flight: Flight, ask: Ask): void {
    ask.forget();
    flight.asks.delete(ask);
    for (const at of ask.experts) flight.running[at] = (flight.running[at] as number) - 1;
  }

  private take(flight: Flight, { experts }: Ask, { outputs }: RunExpertsResponse): void {
    const { hiddenSize } = this.options;
    const { call, offsets, settled } = flight;
    const whole = Buffer.from(flight.outputs.buffer);
    let from = 0;
    for (const at of experts) {
      const bytes = (call.counts[at] as number) * hiddenSize * 4;
      if (!settled[at]) {
        outputs.copy(whole, (offsets[at] as number) * hiddenSize * 4, from, from + bytes);
        settled[at] = 1;
        flight.open--;
      }
      from += bytes;
    }
    this.settle(flight);
  }

  private failed(flight: Flight, { pod, experts }: Ask, failure: PodFailure): void {
    const { call, settled, running, tried } = flight;
    const left = experts.filter((at) => !settled[at] && running[at] === 0);
    if (failure === 'not-held' && experts.length > 1) {
      // One of them is not there: asked one by one it is known which.
      for (const at of left) {
        tried[at]?.delete(pod);
        this.send(flight, pod, [at]);
      }
      this.options.events.failed(failure, left.length > 0);
      return;
    }
    if (failure === 'not-held') {
      for (const at of experts) this.options.notHeld(pod, call.layer, call.experts[at] as number);
    }
    this.options.events.failed(failure, left.length > 0 && this.ask(flight, left));
  }

  private settle(flight: Flight): void {
    if (flight.open > 0) return;
    flight.open = Number.POSITIVE_INFINITY;
    for (const { cancel, forget } of flight.asks) {
      forget();
      cancel();
    }
    flight.asks.clear();
    this.options.complete(flight.call.id, flight.outputs, flight.missing);
  }

  private pairsOf({ call }: Flight, experts: readonly number[]): number {
    return experts.reduce((sum, at) => sum + (call.counts[at] as number), 0);
  }
}
