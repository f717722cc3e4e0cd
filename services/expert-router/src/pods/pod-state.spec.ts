import { ExpertPodState } from '@zen/contracts';
import { podState } from './pod-state';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const good = {
  pod: 'a',
  artifactDigest: DIGEST,
  layers: 2,
  experts: 4,
  expertsPerLayer: 3,
  heldStage: 2,
  held: [{ layer: 1, experts: [0, 3] }],
};
const read = (change: object) => podState(ExpertPodState.fromPartial({ ...good, ...change }));

test('what it holds, by layer', () => {
  const state = read({})!;
  expect(state.held.map((held) => [...held])).toEqual([[], [0, 3]]);
  expect(state).toMatchObject({ capacity: 3, stage: 2, layers: 2, experts: 4 });
  expect(read({ expertsPerLayer: 100 })!.capacity).toBe(4);
});

test('a pod that does not know yet what it is of says nothing of use', () => {
  expect(read({ artifactDigest: '', layers: 0, experts: 0 })).toBeNull();
});

test.each<[string, object, string]>([
  ['no name', { pod: '' }, 'pod: 1 to 253 characters'],
  ['a digest of another form', { artifactDigest: 'sha256:12' }, 'artifact_digest'],
  ['no layers', { layers: 0 }, 'layers: 0 is not within 1 to 1024'],
  ['too many experts', { experts: 4097 }, 'experts: 4097 is not within 1 to 4096'],
  ['a stage that there is not', { heldStage: 5 }, 'held_stage: 5 is not within 0 to 4'],
  ['a layer beyond the last', { held: [{ layer: 2, experts: [] }] }, 'held.layer: 2 is not within 0 to 1'],
  [
    'an expert beyond the last',
    { held: [{ layer: 0, experts: [4] }] },
    'held.experts: 4 is not within 0 to 3',
  ],
  ['a version that none could follow', { assignedVersion: 2n ** 63n }, 'assigned_version: above'],
])('%s is refused', (_, change, message) => expect(() => read(change)).toThrow(message));
