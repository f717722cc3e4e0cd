import {
  Arrivals,
  type Member,
  type Objective,
  placeRungs,
  predict,
  type Rung,
  rungName,
} from '@zen/quality';
import type { Chooser } from './chooser';
import type { Arrival } from './load-shapes';
import type { RecordedCosts } from './recorded-costs';
import type { Served } from './score';
import { SimulatedReplica } from './simulated-replica';

export interface Simulation {
  costs: RecordedCosts;
  members: readonly Member[];
  arrivals: readonly Arrival[];
  chooser: Chooser;
  size: { promptTokens: number; meanAnswerTokens: number };
  objective: Objective;
  /** At least 1 each time it is called: how much longer than recorded a step takes. */
  noise: () => number;
}

interface Node {
  replica: SimulatedReplica;
  arrivals: Arrivals;
}

/**
 * Plays a load against simulated thinkers that share one node. Time jumps from event to event: an arrival or the
 * end of a step. Nothing in it depends on the clock of the machine.
 */
export async function simulate(simulation: Simulation): Promise<Served[]> {
  const { costs, members, arrivals, chooser, noise } = simulation;
  const nodes = new Map<string, Node>(
    members.map(({ model }) => {
      const recorded = costs.models.find((one) => one.model === model);
      if (!recorded) throw new Error(`no costs of ${model} were recorded`);
      return [model, { replica: new SimulatedReplica(recorded, noise), arrivals: new Arrivals() }];
    }),
  );
  const replicas = [...nodes.values()].map(({ replica }) => replica);
  const worths = new Map(
    placeRungs({ members, replicas: replicas.map((one) => one.view(0)) }).map((one) => [
      rungName(one),
      one.worth,
    ]),
  );
  const clock = { nowMs: 0 };
  const served: Served[] = [];
  let next = 0;
  for (;;) {
    const arrivalMs = arrivals[next]?.atMs ?? Number.POSITIVE_INFINITY;
    const ending = replicas.reduce((a, b) => (b.endsAtMs < a.endsAtMs ? b : a));
    if (arrivalMs === Number.POSITIVE_INFINITY && ending.endsAtMs === Number.POSITIVE_INFINITY) break;
    if (arrivalMs <= ending.endsAtMs) {
      clock.nowMs = arrivalMs;
      const arrival = arrivals[next++] as Arrival;
      const views = replicas.map((one) => one.view(arrivalMs));
      const rung = chooser.choose(views, arrivalMs);
      const row: Served = {
        ...arrival,
        rung,
        worth: rung && (worths.get(rungName(rung)) ?? null),
        ttftMs: null,
        tpotMs: null,
      };
      served.push(row);
      const node = rung && nodes.get(rung.model);
      if (rung && node) void follow(row, rung, arrival, node, clock, simulation);
    } else {
      clock.nowMs = ending.endsAtMs;
      await ending.end();
      // Readers run between steps.
      await new Promise(setImmediate);
    }
    for (const one of replicas) {
      const neighbour = replicas.some((other) => other !== one && other.computing);
      one.begin(clock.nowMs, neighbour ? costs.contention : 1);
    }
  }
  return served;
}

/** One answer as the gateway would follow it: notes the times, and tells the policy what came of its prediction. */
async function follow(
  row: Served,
  rung: Rung,
  arrival: Arrival,
  { replica, arrivals }: Node,
  clock: { nowMs: number },
  { chooser, size, objective }: Simulation,
): Promise<void> {
  const { load } = replica.view(clock.nowMs);
  const demand = () => ({ ...size, arrivalsPerSecond: arrivals.perSecond(clock.nowMs) });
  const expected =
    predict(load, rung.stage, { ...demand(), promptTokens: arrival.promptTokens })?.ttftMs ?? 0;
  const arrivalsBefore = arrivals.perSecond(clock.nowMs);
  arrivals.add(clock.nowMs);
  replica.inFlight++;
  replica.unstartedTokens += arrival.promptTokens;
  const generation = replica.submit(arrival, rung.stage, objective.ttftMs, clock.nowMs);
  let firstMs = 0;
  let tokens = 0;
  let batches = 0;
  for await (const events of generation) {
    for (const event of events) {
      if (event.type !== 'token') continue;
      batches += replica.inFlight;
      if (tokens++ > 0) continue;
      firstMs = clock.nowMs;
      replica.unstartedTokens -= arrival.promptTokens;
      row.ttftMs = firstMs - arrival.atMs;
      chooser.observe(rung, 'ttft', expected, row.ttftMs, clock.nowMs);
    }
  }
  replica.inFlight--;
  row.tpotMs = tokens > 1 ? (clock.nowMs - firstMs) / (tokens - 1) : 0;
  const arrivalsPerSecond = (arrivalsBefore + arrivals.perSecond(clock.nowMs)) / 2;
  const batch = { ...replica.view(clock.nowMs).load, running: Math.max(0, batches / tokens - 1) };
  const paced = predict(batch, rung.stage, { ...size, arrivalsPerSecond })?.tpotMs ?? 0;
  chooser.observe(rung, 'tpot', paced, row.tpotMs, clock.nowMs);
}
