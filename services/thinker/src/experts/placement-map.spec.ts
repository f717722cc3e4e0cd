import { Placement } from '@zen/contracts';
import { ExpertFleet, type FleetPod } from './expert-fleet';
import { PlacementError, PlacementMap } from './placement-map';

const SHAPE = { layers: 2, experts: 3 };
const DIGEST = 'sha256:aa';
const pod = (name: string, stage = 4) => ({ name, address: `${name}:1`, stage });
const placement = (pods: string[], layers: number[][][], more: Partial<Placement> = {}) =>
  Placement.fromPartial({
    version: 7n,
    artifactDigest: DIGEST,
    pods: pods.map((name) => pod(name)),
    layers: layers.map((experts, layer) => ({ layer, experts: experts.map((of) => ({ pods: of })) })),
    ...more,
  });
const map = (pods: string[], layers: number[][][]) =>
  PlacementMap.from(placement(pods, layers), SHAPE, DIGEST);

const names = (pods: readonly { address: string }[]) => pods.map(({ address }) => address.split(':')[0]);

describe('a placement', () => {
  test('says who holds each expert; a layer that it leaves out has nobody', () => {
    const known = map(['a', 'b'], [[[0], [0, 1], []]]);
    expect([0, 1, 2].map((expert) => names(known.holders(0, expert)))).toEqual([['a'], ['a', 'b'], []]);
    expect(known.holders(1, 0)).toEqual([]);
    expect(known.version).toBe(7n);
  });

  test.each([
    ['another artifact', placement([], [], { artifactDigest: 'sha256:bb' }), 'artifact_digest'],
    ['a layer that is not there', placement([], [[], [], []]), 'layers'],
    ['too few experts', placement(['a'], [[[0]]]), /layers\[0\]\.experts: 1, the model has 3/],
    [
      'a pod that is not there',
      placement(['a'], [[[0], [1], []]]),
      /layers\[0\]\.experts\[1\]\.pods: no pod 1/,
    ],
    ['a pod twice', placement(['a', 'a'], []), 'twice'],
    ['no address', placement([], [], { pods: [{ name: 'a', address: 'a', stage: 1 }] }), 'address'],
    ['a stage too high', placement([], [], { pods: [pod('a', 5)] }), 'stage'],
    ['too many pods', placement([...Array(5000).keys()].map(String), []), /pods: 5000, limit 4096/],
  ])('%s is refused by name', (_, given, message) => {
    expect(() => PlacementMap.from(given, SHAPE, DIGEST)).toThrow(PlacementError);
    expect(() => PlacementMap.from(given, SHAPE, DIGEST)).toThrow(message);
  });
});

class FakePod implements FleetPod {
  stage = 4;
  draining = false;
  stopped = false;
  constructor(readonly address: string) {}
  timeUs = () => 1;
  late = () => undefined;
  run = () => () => undefined;
  async stop() {
    this.stopped = true;
  }
}

describe('the fleet', () => {
  let nowMs = 0;
  function fleetOf(resident: number[]) {
    const pods = new Map<string, FakePod>();
    const fleet = new ExpertFleet({
      shape: SHAPE,
      resident: Int8Array.from(resident),
      nowMs: () => nowMs,
      open: (address) => {
        const made = new FakePod(address);
        pods.set(address.split(':')[0] as string, made);
        return made;
      },
    });
    const get = (name: string) => pods.get(name) as FakePod;
    return { fleet, get, who: (expert: number, stage = 4) => names(fleet.holders(0, expert, stage)) };
  }
  const NONE = new Array<number>(6).fill(-1);

  test('whoever is gone or below the stage is not asked; whoever drains only where nobody else is', () => {
    const { fleet, get, who } = fleetOf(NONE);
    fleet.place(map(['a', 'b'], [[[0, 1], [0], []]]));
    get('b').stage = 2;
    expect([who(0), who(0, 2), who(1), who(2)]).toEqual([['a'], ['a', 'b'], ['a'], []]);
    get('a').draining = true;
    expect([who(0), who(0, 2), who(1)]).toEqual([['a'], ['b'], ['a']]);
    get('a').stage = -1;
    expect([who(0), who(1)]).toEqual([[], []]);
    expect(fleet.connected).toEqual({ up: 1, down: 1 });
  });

  test('the placement before counts for a while where the new one has nobody to ask', () => {
    nowMs = 0;
    const { fleet, get, who } = fleetOf(NONE);
    fleet.place(map(['a'], [[[0], [0], []]]));
    fleet.place(map(['b'], [[[0], [], []]]));
    get('b').stage = -1;
    expect([who(0), who(1)]).toEqual([['a'], ['a']]);
    get('b').stage = 4;
    expect(who(0)).toEqual(['b']);
    nowMs = 11_000;
    expect(who(1)).toEqual([]);
    expect(get('a').stopped).toBe(true);
    expect(get('b').stopped).toBe(false);
  });

  test('what a pod does not hold is not asked of it again soon, other experts are', () => {
    nowMs = 0;
    const { fleet, get, who } = fleetOf(NONE);
    fleet.place(map(['a'], [[[0], [0], []]]));
    fleet.notHeld(get('a'), 0, 0);
    expect([who(0), who(1)]).toEqual([[], ['a']]);
    nowMs = 6000;
    expect(who(0)).toEqual(['a']);
  });

  test('coverage counts every pair once, at the stage that is asked for', () => {
    const { fleet, get } = fleetOf([4, 0, 0, -1, -1, -1]);
    fleet.place(
      map(
        ['a'],
        [
          [[0], [0], []],
          [[0], [], []],
        ],
      ),
    );
    expect(fleet.coverage(4)).toEqual({ local: 1, remote: 2, standInOnly: 1, missing: 2 });
    expect(fleet.coverage(0)).toEqual({ local: 3, remote: 1, standInOnly: 0, missing: 2 });
    get('a').stage = 3;
    expect(fleet.coverage(4)).toEqual({ local: 1, remote: 0, standInOnly: 2, missing: 3 });
  });
});
