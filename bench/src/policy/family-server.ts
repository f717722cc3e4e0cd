import { availableParallelism } from 'node:os';
import { type Objective, predict } from '@zen/quality';
import { startGatewayProcess } from '../gateway-processes';
import { ladderOf } from '../subjects';
import { ThinkerProcess } from '../thinker-process';
import type { BenchFamily } from './family';
import type { MeasuredFamily } from './measure-family';

/** Times of an idle server at its top rung that a caller accepts at most. */
const PATIENCE = 3.5;
/** Answers that share a batch when a server is well used. */
const USED = 4;

export interface RequestSizes {
  promptTokens: readonly [least: number, most: number];
  answerTokens: readonly [least: number, most: number];
  mean: { promptTokens: number; meanAnswerTokens: number };
}

/** What one member can do by its own measured costs. */
export interface MemberCapacity {
  model: string;
  stages: number[];
  /** Servable ones only, lowest first. */
  servable: number[];
  /** Requests per second at its top stage. */
  perSecond: number;
  idle: Objective;
}

/** Both members of a family as processes of their own, on the same cores, behind a gateway. */
export interface FamilyServer {
  url: string;
  objective: Objective;
  capacities: MemberCapacity[];
  stop(): Promise<void>;
}

/** The gateway reckons with the members' measured weights. */
export async function startFamily(
  family: BenchFamily,
  { weights }: MeasuredFamily,
  sizes: RequestSizes,
): Promise<FamilyServer> {
  const thinkers: ThinkerProcess[] = [];
  const stopThinkers = async () => void (await Promise.all(thinkers.map((thinker) => thinker.stop())));
  try {
    for (const model of family.models) thinkers.push(await openThinker(model));
    const capacities = await Promise.all(thinkers.map((thinker) => capacityOf(thinker, sizes)));
    const idle = capacities[0]!.idle;
    const objective = {
      ttftMs: Math.round(PATIENCE * idle.ttftMs),
      tpotMs: Math.round(PATIENCE * idle.tpotMs),
    };
    const members = weights.map(({ model, weight }) => `${model}@${weight}`).join(',');
    const gateway = await startGatewayProcess({
      ZEN_THINKERS: thinkers.map(({ address }) => address).join(','),
      ZEN_FAMILIES: `${family.name}=${members}`,
      ZEN_TTFT: `${objective.ttftMs}ms`,
      ZEN_TPOT: `${objective.tpotMs}ms`,
      ZEN_WATCH_INTERVAL: '50ms',
    });
    await connected(gateway.url, thinkers.length);
    const stop = async () => {
      gateway.stop();
      await stopThinkers();
    };
    return { url: gateway.url, objective, capacities, stop };
  } catch (error) {
    await stopThinkers();
    throw error;
  }
}

/** A thinker that has attached and measured every stage. */
export async function openThinker(model: string): Promise<ThinkerProcess> {
  const thinker = await ThinkerProcess.spawn(ladderOf({ name: model }), {
    ZEN_THREADS: String(availableParallelism()),
    // Drafts make some answers faster and others not; here every policy is to meet the same server.
    ZEN_SPECULATION: 'off',
  });
  await thinker.complete();
  for (;;) {
    const { load, stages } = await thinker.client.describe({});
    if (load?.costs.length === stages.length) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // The last of its measures is still running.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return thinker;
}

async function capacityOf(thinker: ThinkerProcess, { mean }: RequestSizes): Promise<MemberCapacity> {
  const { model, stages, load, minServableStage } = await thinker.client.describe({});
  const numbers = stages.map(({ stage }) => stage).sort((a, b) => a - b);
  const top = numbers.at(-1) ?? 0;
  const cost = load?.costs.find(({ stage }) => stage === top);
  if (!load || !cost) throw new Error(`${model} has not measured its top stage`);
  const empty = { running: 0, waiting: 0, prefillTokensWaiting: 0, maxRunning: 32, costs: load.costs };
  const idle = predict(empty, top, { ...mean, arrivalsPerSecond: 0 });
  const stepUs = cost.decodeBaseUs + cost.decodePerSequenceUs * USED;
  const requestUs = (mean.meanAnswerTokens * stepUs) / USED + mean.promptTokens * cost.prefillUsPerToken;
  return {
    model,
    stages: numbers,
    servable: stages
      .filter(({ stage, servable }) => servable && stage >= minServableStage)
      .map((one) => one.stage),
    perSecond: 1e6 / requestUs,
    idle: idle as Objective,
  };
}

async function connected(url: string, thinkers: number): Promise<void> {
  for (;;) {
    const body = (await (await fetch(`${url}/readyz`)).json()) as { replicas: { up: number } };
    if (body.replicas.up === thinkers) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
