import { availableParallelism } from 'node:os';
import type { Objective } from '@zen/quality';
import { startGatewayProcess } from '../gateway-processes';
import { median } from '../report';
import { ladderOf } from '../subjects';
import { ThinkerProcess } from '../thinker-process';
import type { BenchFamily } from './family';
import type { MeasuredFamily } from './measure-family';
import { answerTimesMs } from './thinker-answers';

/** Times of an idle server at its top rung that a caller accepts at most. */
const PATIENCE = 3.5;
/** Answers that share a batch when a server is well used. */
const USED = 4;
/** Answers that are timed alone, and one after another in each place of the batch. */
const ALONE = 3;
const TURNS = 2;

export interface RequestSizes {
  promptTokens: readonly [least: number, most: number];
  answerTokens: readonly [least: number, most: number];
  mean: { promptTokens: number; meanAnswerTokens: number };
}

export interface FamilyMember {
  model: string;
  /** Lowest first. */
  stages: number[];
  /** Servable ones only, lowest first. */
  servable: number[];
}

/** Both members of a family as processes of their own, on the same cores, behind a gateway. */
export interface FamilyServer {
  url: string;
  objective: Objective;
  /** Best first. */
  members: FamilyMember[];
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
    const members = await Promise.all(thinkers.map(memberOf));
    const objective = await objectiveOf(thinkers[0]!, topOf(members[0]!), sizes);
    const weighted = weights.map(({ model, weight }) => `${model}@${weight}`).join(',');
    const gateway = await startGatewayProcess({
      ZEN_THINKERS: thinkers.map(({ address }) => address).join(','),
      ZEN_FAMILIES: `${family.name}=${weighted}`,
      ZEN_TTFT: `${objective.ttftMs}ms`,
      ZEN_TPOT: `${objective.tpotMs}ms`,
      ZEN_WATCH_INTERVAL: '50ms',
    });
    await connected(gateway.url, thinkers.length);
    const stop = async () => {
      gateway.stop();
      await stopThinkers();
    };
    const perSecondNow = (at: number) => perSecondOf(thinkers[at]!, topOf(members[at]!), sizes);
    return { url: gateway.url, objective, members, perSecondNow, stop };
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
  return thinker;
}

/** By the median of some answers alone: one slow moment of the machine is no yardstick. */
async function objectiveOf(
  thinker: ThinkerProcess,
  stage: number,
  { mean }: RequestSizes,
): Promise<Objective> {
  const ttftMs: number[] = [];
  const tpotMs: number[] = [];
  for (let i = 0; i < ALONE; i++) {
    const atMs = await answerTimesMs(thinker, stage, mean.promptTokens, mean.meanAnswerTokens);
    const [first, last] = [atMs[0] ?? Number.NaN, atMs.at(-1) ?? Number.NaN];
    ttftMs.push(first);
    tpotMs.push((last - first) / (mean.meanAnswerTokens - 1));
  }
  return {
    ttftMs: Math.round(PATIENCE * median(ttftMs)),
    tpotMs: Math.round(PATIENCE * median(tpotMs)),
  };
}

/** Answers of the mean size that come in a second while some share the batch. */
async function perSecondOf(thinker: ThinkerProcess, stage: number, { mean }: RequestSizes): Promise<number> {
  const startedMs = performance.now();
  const turns = async () => {
    for (let turn = 0; turn < TURNS; turn++) {
      await answerTimesMs(thinker, stage, mean.promptTokens, mean.meanAnswerTokens);
    }
  };
  await Promise.all(Array.from({ length: USED }, turns));
  return (1000 * USED * TURNS) / (performance.now() - startedMs);
}

const topOf = ({ stages }: FamilyMember): number => stages.at(-1) ?? 0;

async function memberOf(thinker: ThinkerProcess): Promise<FamilyMember> {
  const { model, stages, minServableStage } = await thinker.client.describe({});
  const servable = stages.filter((one) => one.servable && one.stage >= minServableStage);
  return {
    model,
    stages: stages.map(({ stage }) => stage).sort((a, b) => a - b),
    servable: servable.map(({ stage }) => stage),
  };
}

async function connected(url: string, thinkers: number): Promise<void> {
  for (;;) {
    const body = (await (await fetch(`${url}/readyz`)).json()) as { replicas: { up: number } };
    if (body.replicas.up === thinkers) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
