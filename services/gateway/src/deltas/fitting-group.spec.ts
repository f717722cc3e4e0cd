import type { DeltaCapacity } from '@zen/contracts';
import type { Group } from '../fleet/fleet';
import type { ReplicaLink } from '../fleet/replica-link';
import { Traffic } from '../fleet/traffic';
import type { AnswerDelta } from './answer-delta';
import { fittingGroup, hasPlace } from './fitting-group';

const PLACES = { slots: 4, slotsPinned: 0, denseSlots: 0, denseSlotsPinned: 0, slotBytes: 1000n };

function link(
  model: string,
  baseDigest: string,
  deltas: Partial<DeltaCapacity> | null = PLACES,
): ReplicaLink {
  const address = `${model}-${baseDigest}`;
  return { address, about: { model, baseDigest }, deltas: deltas ?? undefined } as unknown as ReplicaLink;
}

function fleetOf(members: string[], links: ReplicaLink[]) {
  const group = (model: string): Group => {
    const names = model === 'family' ? members : [model];
    const of = links.filter(({ about }) => names.includes(about?.model ?? ''));
    const weighted = names.map((name) => ({ model: name, weight: 1 }));
    return {
      minStage: 0,
      model,
      members: weighted,
      family: '',
      links: of,
      traffic: new Traffic(),
    };
  };
  return { group };
}

const delta: AnswerDelta = {
  digest: 'd',
  baseDigest: 'A',
  recipe: 'lora1',
  bytes: 500n,
  field: 'x-zen-delta',
  token: () => '',
};
const failure = (name: string) => expect.objectContaining({ failure: name });

describe('who can answer with a delta', () => {
  const fleet = fleetOf(['big', 'small'], [link('big', 'A'), link('small', 'B'), link('big', 'C')]);

  test('the base is answered by everybody', () => {
    expect(fittingGroup(fleet, { model: 'family', delta: null }).links).toHaveLength(3);
  });

  test('of a model the replicas with its base', () => {
    expect(fittingGroup(fleet, { model: 'big', delta }).links.map(({ address }) => address)).toEqual([
      'big-A',
    ]);
  });

  test.each([
    ['A', 'big'],
    ['B', 'small'],
  ])('of a family the member with its base: %s', (baseDigest, member) => {
    const group = fittingGroup(fleet, { model: 'family', delta: { ...delta, baseDigest } });
    expect(group).toMatchObject({ model: member, members: [{ model: member }] });
    expect(group.links).toHaveLength(1);
  });

  test('another base is refused by name', () => {
    expect(() => fittingGroup(fleet, { model: 'small', delta })).toThrow(failure('delta_wrong_base'));
    const other = { ...delta, baseDigest: 'X' };
    expect(() => fittingGroup(fleet, { model: 'family', delta: other })).toThrow(failure('delta_wrong_base'));
  });

  test('a base may come with the member that is away', () => {
    const partial = fleetOf(['big', 'small'], [link('small', 'B')]);
    expect(() => fittingGroup(partial, { model: 'family', delta })).toThrow(failure('unavailable'));
  });

  test.each([
    ['no places', null, {}, 'unsupported'],
    ['no places at all', { ...PLACES, slots: 0 }, {}, 'unsupported'],
    ['too small places', PLACES, { bytes: 1001n }, 'delta_too_large'],
  ])('a fleet with %s', (_, deltas, more, name) => {
    const one = fleetOf([], [link('big', 'A', deltas)]);
    expect(() => fittingGroup(one, { model: 'big', delta: { ...delta, ...more } })).toThrow(failure(name));
  });

  test('what is too large for a small place takes a dense one', () => {
    const one = fleetOf([], [link('big', 'A', { ...PLACES, denseSlots: 1 })]);
    expect(fittingGroup(one, { model: 'big', delta: { ...delta, bytes: 1001n } }).links).toHaveLength(1);
  });

  test('a place that a running answer holds is none', () => {
    expect(hasPlace(link('big', 'A', { ...PLACES, slotsPinned: 3 }), delta)).toBe(true);
    expect(hasPlace(link('big', 'A', { ...PLACES, slotsPinned: 4 }), delta)).toBe(false);
    const large = { ...delta, bytes: 1001n };
    const dense = { ...PLACES, denseSlots: 2, denseSlotsPinned: 1 };
    expect(hasPlace(link('big', 'A', dense), large)).toBe(true);
    expect(hasPlace(link('big', 'A', { ...dense, denseSlotsPinned: 2 }), large)).toBe(false);
  });
});
