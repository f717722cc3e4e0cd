import type { Member } from './members';
import { placementMessage } from './placement-message';

const artifact = { digest: 'sha256:x', layers: 1, experts: 3 };
const member = (name: string, held: number[], change: { stays?: boolean; up?: boolean } = {}): Member =>
  ({
    link: { address: `${name}:1`, up: change.up ?? true },
    state: { pod: name, stage: 4, held: [new Set(held)] },
    stays: change.stays ?? true,
  }) as unknown as Member;
const named = (members: Member[], keeps = (_: Member, __: number, ___: number) => true) => {
  const { pods, layers } = placementMessage(artifact, members, keeps);
  return layers[0]!.experts.map((expert) => expert.pods.map((at) => pods[at]!.name).join());
};

test('every pod that holds an expert is named for it; what nobody holds has none', () => {
  expect(named([member('a', [0, 1]), member('b', [1])])).toEqual(['a', 'a,b', '']);
});

test.each([
  ['goes', { stays: false }],
  ['is not reached', { up: false }],
])('a pod that %s is named only where there is nobody else', (_, change) => {
  expect(named([member('a', [0, 1], change), member('b', [1])])).toEqual(['a', 'b', '']);
});

test('what a pod is about to drop is not named any more', () => {
  const members = [member('a', [0, 1]), member('b', [1])];
  expect(named(members, (one, _, expert) => !(one === members[0] && expert === 1))).toEqual(['a', 'b', '']);
});
