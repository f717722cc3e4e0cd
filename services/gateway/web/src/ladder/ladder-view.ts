import type { ModelReport, Quality, ReplicaReport } from '../api/progress';

export type RungState = 'absent' | 'fetching' | 'attaching' | 'serving' | 'failed';

/** One stage as it is drawn. */
export interface Rung {
  stage: number;
  bytes: number;
  bytesPresent: number;
  bits: number;
  state: RungState;
  /** Answers without being asked for by name. */
  servable: boolean;
  quality: Quality | null;
  /** Seconds until its last byte is here, at the speed of now; null where nothing moves or nothing is missing. */
  etaS: number | null;
}

/** One model's climb, on the replica that is furthest. */
export interface LadderView {
  model: string;
  rungs: Rung[];
  bytes: number;
  bytesPresent: number;
  bytesPerSecond: number;
  replicaCount: number;
  /** Highest stage that answers; null while none does. */
  serving: number | null;
  complete: boolean;
  corruptChunks: number;
  /** Why a replica failed; empty while none has. */
  failure: string;
}

export function ladderView(model: ModelReport): LadderView {
  const replica = furthest(model.replicas);
  const bytesPerSecond = replica?.bytes_per_second ?? 0;
  let missing = 0;
  const rungs = model.stages.map((stage): Rung => {
    const there = replica?.stages.find((one) => one.stage === stage.stage);
    const attached = there?.attached ?? stage.attached;
    const bytesPresent = attached ? stage.bytes : Math.min(there?.bytes_present ?? 0, stage.bytes);
    missing += stage.bytes - bytesPresent;
    return {
      stage: stage.stage,
      bytes: stage.bytes,
      bytesPresent,
      bits: stage.bits_per_linear_weight,
      state: attached ? 'serving' : rungState(there?.state, bytesPresent),
      servable: stage.servable && stage.stage >= model.min_servable_stage,
      quality: stage.quality,
      etaS: bytesPresent < stage.bytes && bytesPerSecond > 0 ? missing / bytesPerSecond : null,
    };
  });
  const serving = rungs.filter(({ state }) => state === 'serving').map(({ stage }) => stage);
  return {
    model: model.id,
    rungs,
    bytes: sum(rungs, 'bytes'),
    bytesPresent: sum(rungs, 'bytesPresent'),
    bytesPerSecond,
    replicaCount: model.replica_count,
    serving: serving.length > 0 ? Math.max(...serving) : null,
    complete: rungs.every(({ state }) => state === 'serving'),
    corruptChunks: model.replicas.reduce((total, one) => total + one.corrupt_chunks, 0),
    failure: model.replicas.find(({ state }) => state === 'failed')?.reason ?? '',
  };
}

/** The models behind a name, which may be a family's. */
export function modelsOf(models: readonly ModelReport[], name: string): ModelReport[] {
  return models.filter(({ id, family }) => id === name || family === name);
}

/** What a request may name: families first, then models. */
export function namesOf(models: readonly ModelReport[]): { families: string[]; models: string[] } {
  const families = new Set(models.flatMap(({ family }) => (family ? [family] : [])));
  return { families: [...families].sort(), models: models.map(({ id }) => id) };
}

function furthest(replicas: readonly ReplicaReport[]): ReplicaReport | undefined {
  const distance = ({ stages }: ReplicaReport) =>
    stages.reduce((total, { attached, bytes_present }) => total + (attached ? 1e15 : bytes_present), 0);
  return [...replicas].sort((a, b) => distance(b) - distance(a))[0];
}

function rungState(state: string | undefined, bytesPresent: number): RungState {
  if (state === 'fetching' || state === 'attaching' || state === 'failed') return state;
  return bytesPresent > 0 ? 'fetching' : 'absent';
}

function sum(rungs: readonly Rung[], field: 'bytes' | 'bytesPresent'): number {
  return rungs.reduce((total, rung) => total + rung[field], 0);
}
