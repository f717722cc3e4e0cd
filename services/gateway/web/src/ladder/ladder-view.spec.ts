import type { ModelReport, ReplicaReport } from '../api/progress';
import { ladderView, modelsOf, namesOf } from './ladder-view';

const BYTES = [100, 10, 30];

/** A replica with `attached` stages and then some bytes of the next. */
function replica(attached: number, nextBytes: number, more: Partial<ReplicaReport> = {}): ReplicaReport {
  return {
    state: 'serving',
    reason: '',
    bytes_per_second: 5,
    requests_in_flight: 1,
    corrupt_chunks: 0,
    stages: BYTES.map((bytes, stage) => ({
      stage,
      state: stage < attached ? 'serving' : stage === attached && nextBytes > 0 ? 'fetching' : 'absent',
      bytes_present: stage < attached ? bytes : stage === attached ? nextBytes : 0,
      attached: stage < attached,
    })),
    ...more,
  };
}

function model(replicas: ReplicaReport[], more: Partial<ModelReport> = {}): ModelReport {
  const stages = BYTES.map((bytes, stage) => ({
    stage,
    bytes,
    bits_per_linear_weight: 3,
    servable: stage > 0,
    attached: replicas.some((one) => one.stages[stage]?.attached),
    quality: null,
  }));
  return {
    id: 'm',
    family: null,
    min_servable_stage: 0,
    stages,
    replica_count: replicas.length,
    replicas,
    ...more,
  };
}

test('a stage that arrives: bytes, state, and the time for it and all below it', () => {
  const view = ladderView(model([replica(1, 4)]));
  expect(view.rungs.map(({ state, bytesPresent, etaS }) => [state, bytesPresent, etaS])).toEqual([
    ['serving', 100, null],
    ['fetching', 4, 6 / 5],
    ['absent', 0, 36 / 5],
  ]);
  expect(view).toMatchObject({ bytes: 140, bytesPresent: 104, serving: 0, complete: false });
});

test('nothing moves: no time is promised', () => {
  const view = ladderView(model([replica(1, 4, { bytes_per_second: 0 })]));
  expect(view.rungs.map(({ etaS }) => etaS)).toEqual([null, null, null]);
});

test('nothing is here yet', () => {
  expect(ladderView(model([replica(0, 40)]))).toMatchObject({ serving: null, bytesPresent: 40 });
  expect(ladderView(model([]))).toMatchObject({ serving: null, bytesPresent: 0 });
});

test('of several replicas the furthest is drawn; damage and failure of any are told', () => {
  const view = ladderView(
    model([
      replica(1, 9, { corrupt_chunks: 2 }),
      replica(2, 0),
      replica(0, 0, { state: 'failed', reason: 'disk full' }),
    ]),
  );
  expect(view).toMatchObject({ serving: 1, replicaCount: 3, corruptChunks: 2, failure: 'disk full' });
});

test('complete', () => {
  expect(ladderView(model([replica(3, 0)]))).toMatchObject({ complete: true, serving: 2, bytesPresent: 140 });
});

test('a stage below the servable ones only drafts', () => {
  expect(ladderView(model([])).rungs.map(({ servable }) => servable)).toEqual([false, true, true]);
});

test('a family stands for its members', () => {
  const models = [
    model([], { id: 'big', family: 'zen' }),
    model([], { id: 'small', family: 'zen' }),
    model([]),
  ];
  expect(modelsOf(models, 'zen').map(({ id }) => id)).toEqual(['big', 'small']);
  expect(modelsOf(models, 'm').map(({ id }) => id)).toEqual(['m']);
  expect(namesOf(models)).toEqual({ families: ['zen'], models: ['big', 'small', 'm'] });
});
