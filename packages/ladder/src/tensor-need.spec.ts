import { CHUNK_BYTES, type LadderConfig, type LadderTensor } from './ladder-config';
import { chunkExperts, expertNeed, neededChunks } from './tensor-need';

const HALF = CHUNK_BYTES / 2;

/** A tensor with half a chunk at stage 0, from `at` halves on, and as much at stage 2. */
function tensor(name: string, at: number): LadderTensor {
  const raw = (stage: number) => ({
    kind: 'raw' as const,
    stage,
    dtype: 'F32' as const,
    data: { stage, offset: at * HALF, bytes: HALF },
  });
  return { name, shape: [1, HALF / 4], sourceType: 'F32', rungs: [raw(0), raw(2)] };
}

const names = [
  'token_embd.weight',
  'blk.0.ffn_gate.0.weight',
  'blk.0.ffn_up.0.weight',
  'blk.0.ffn_gate.1.weight',
  'blk.1.ffn_down.1.weight',
  'blk.1.ffn_gate_shexp.weight',
];
const config = {
  stages: [0, 1, 2, 3, 4].map((stage) => ({
    stage,
    bytes: stage === 0 || stage === 2 ? 3 * CHUNK_BYTES : 0,
  })),
  tensors: names.map(tensor),
} as Pick<LadderConfig, 'stages' | 'tensors'> as LadderConfig;
const model = { layers: 2, experts: { count: 2, perToken: 1, normalized: true, sharedFfnSize: 32 } };

test.each<[string, number[], number, number[][]]>([
  ['one expert at stage 0', [0, -1, -1, -1], -1, [[1, 1, 0], [], [0, 0, 0], [], []]],
  [
    'one expert at stage 1, which has nothing of its own',
    [-1, 1, -1, -1],
    -1,
    [[0, 1, 0], [], [0, 0, 0], [], []],
  ],
  [
    'one expert at stage 3, with all rungs up to there',
    [-1, -1, -1, 3],
    -1,
    [[0, 0, 1], [], [0, 0, 1], [], []],
  ],
  ['everything else', [-1, -1, -1, -1], 4, [[1, 0, 1], [], [1, 0, 1], [], []]],
  ['nothing', [-1, -1, -1, -1], -1, [[0, 0, 0], [], [0, 0, 0], [], []]],
])('%s', (_name, resident, others, chunks) => {
  const need = expertNeed(model, Int8Array.from(resident), others);
  expect(neededChunks(config, need).map((flags) => [...flags])).toEqual(chunks);
});

test('a table of another size is refused', () => {
  expect(() => expertNeed(model, new Int8Array(3), 4)).toThrow(/resident: must have 2 × 2 numbers, not 3/);
});

test('who has bytes in a chunk', () => {
  const of = (stage: number, chunk: number) => chunkExperts(config, stage, chunk);
  expect(of(0, 0)).toEqual([{ layer: 0, expert: 0 }]);
  expect(of(2, 1)).toEqual([
    { layer: 0, expert: 0 },
    { layer: 0, expert: 1 },
  ]);
  expect(of(0, 2)).toEqual([{ layer: 1, expert: 1 }]);
  expect(of(1, 0)).toEqual([]);
});
