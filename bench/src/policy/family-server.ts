import { availableParallelism } from 'node:os';
import type { Objective } from '@zen/quality';
import { startGatewayProcess } from '../gateway-processes';
import { median } from '../report';
import { ladderOf } from '../subjects';
import { ThinkerProcess } from '../thinker-process';
import type { BenchFamily } from './family';
import type { MeasuredFamily } from './measure-family';
import { answerTokens } from './thinker-answers';

/** Times of an idle server at its top rung that a caller accepts at most. */
const PATIENCE = 3.5;
/** Answers that share a batch when a server is well used. */
const USED = 4;
/** Of the measures of what a member can do: rounds, and answers one after another in each place of the batch. */
const ROUNDS = 3;
const TURNS = 2;

export interface RequestSizes {
  promptTokens: readonly [least: number, most: number];
  answerTokens: readonly [least: number, most: number];
  mean: { promptTokens: number; meanAnswerTokens: number };
}

/** What one member can do, as measured. */
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
  /** Requests per second that a member can serve at its top stage, measured now; nothing else may be running. */
  perSecondNow(member: number): Promise<number>;
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
    const capacities = await capacitiesOf(thinkers, sizes);
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
    const perSecondNow = (member: number) =>
      perSecondOf(thinkers[member] as ThinkerProcess, topOf(capacities[member] as Ladder), sizes.mean);
    return { url: gateway.url, objective, capacities, perSecondNow, stop };
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

/** What each member can do, by the median of some rounds: one slow moment of the machine is not its capacity. */
async function capacitiesOf(
  thinkers: readonly ThinkerProcess[],
  { mean }: RequestSizes,
): Promise<MemberCapacity[]> {
  const members = await Promise.all(thinkers.map(stagesOf));
  const idle = members.map((): Objective[] => []);
  const perSecond = members.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, thinker] of thinkers.entries()) {
      const top = topOf(members[at] as Ladder);
      idle[at]?.push(await timed(thinker, top, mean));
      perSecond[at]?.push(await perSecondOf(thinker, top, mean));
    }
  }
  return members.map((member, at) => ({
    ...member,
    perSecond: median(perSecond[at] ?? []),
    idle: {
      ttftMs: median((idle[at] ?? []).map(({ ttftMs }) => ttftMs)),
      tpotMs: median((idle[at] ?? []).map(({ tpotMs }) => tpotMs)),
    },
  }));
}

/** Answers of the mean size that come in a second while some share the batch. */
async function perSecondOf(
  thinker: ThinkerProcess,
  stage: number,
  mean: RequestSizes['mean'],
): Promise<number> {
  const startedMs = performance.now();
  const turns = async () => {
    for (let turn = 0; turn < TURNS; turn++) await timed(thinker, stage, mean);
  };
  await Promise.all(Array.from({ length: USED }, turns));
  return (1000 * USED * TURNS) / (performance.now() - startedMs);
}

type Ladder = Pick<MemberCapacity, 'model' | 'stages' | 'servable'>;

const topOf = ({ stages }: Ladder): number => stages.at(-1) ?? 0;

async function stagesOf(thinker: ThinkerProcess): Promise<Ladder> {
  const { model, stages, minServableStage } = await thinker.client.describe({});
  const servable = stages.filter((one) => one.servable && one.stage >= minServableStage);
  return {
    model,
    stages: stages.map(({ stage }) => stage).sort((a, b) => a - b),
    servable: servable.map(({ stage }) => stage),
  };
}

/** Time to the first token, and from each to the next, of one answer. */
async function timed(
  thinker: ThinkerProcess,
  stage: number,
  { promptTokens, meanAnswerTokens }: RequestSizes['mean'],
): Promise<Objective> {
  const startedMs = performance.now();
  const atMs: number[] = [];
  const came = () => atMs.push(performance.now() - startedMs);
  await answerTokens(thinker, stage, promptTokens, meanAnswerTokens, came);
  const [ttftMs = Number.NaN] = atMs;
  return { ttftMs, tpotMs: ((atMs.at(-1) ?? Number.NaN) - ttftMs) / (meanAnswerTokens - 1) };
}

async function connected(url: string, thinkers: number): Promise<void> {
  for (;;) {
    const body = (await (await fetch(`${url}/readyz`)).json()) as { replicas: { up: number } };
    if (body.replicas.up === thinkers) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
