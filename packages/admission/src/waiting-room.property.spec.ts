import { BANDS, type Band } from './band';
import { type Ask, type Caps, type Waiting, WaitingRoom } from './waiting-room';

/** Park and Miller's generator: the same run for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

const CAPS: Caps = { requests: 40, bytes: 4000 };
const MAX_TOKENS = 100;

interface Run {
  room: WaitingRoom<Ask>;
  random: (below: number) => number;
  nowMs: number;
  inside: Set<Waiting<Ask>>;
}

function ask(random: Run['random']): Ask {
  return {
    group: 'xy'[random(2)] as string,
    band: BANDS[random(3)] as Band,
    tenant: 'abcd'[random(4)] as string,
    weight: 1 + random(3),
    tokens: 1 + random(MAX_TOKENS),
    bytes: random(200),
  };
}

/** Comes, goes, is served and expires at random; `each` looks after every step. */
function randomRun(seed: number, each: (run: Run, taken: Waiting<Ask> | undefined, closed: string) => void) {
  const random = seeded(seed);
  const run: Run = { room: new WaitingRoom<Ask>(CAPS), random, nowMs: 0, inside: new Set() };
  const counts = { entered: 0, full: 0, taken: 0, left: 0, expired: 0 };
  for (let step = 0; step < 2000; step++) {
    const { room, inside } = run;
    run.nowMs += random(20);
    // Loads come in waves, so that the room is full at times and empty at others.
    const filling = Math.floor(step / 250) % 2 === 0;
    let taken: Waiting<Ask> | undefined;
    let closed = '';
    const what = random(10);
    if (what < (filling ? 7 : 3)) {
      const entered = room.enter(ask(random), run.nowMs, 2000);
      if ('what' in entered) counts.full++;
      else {
        counts.entered++;
        inside.add(entered);
      }
    } else if (what < 8) {
      closed = ['x', 'y', '', ''][random(4)] as string;
      taken = room.next((group) => group !== closed);
      if (taken) counts.taken += inside.delete(taken) ? 1 : Number.NaN;
    } else if (what === 8) {
      const leaver = [...inside][random(Math.max(1, inside.size))];
      if (leaver) {
        expect(room.leave(leaver)).toBe(true);
        expect(room.leave(leaver)).toBe(false);
        counts.left += inside.delete(leaver) ? 1 : Number.NaN;
      }
    } else {
      for (const late of room.expire(run.nowMs)) counts.expired += inside.delete(late) ? 1 : Number.NaN;
    }
    each(run, taken, closed);
  }
  return { ...run, counts };
}

const SEEDS = [...Array(6).keys()].map((at) => at * 7919 + 1);

test.each(SEEDS)('seed %i: nothing is lost, nothing comes out twice', (seed) => {
  const { room, inside, counts } = randomRun(seed, ({ room, inside }) => {
    expect(room.size).toBe(inside.size);
    expect([...room.all()].every((one) => inside.has(one))).toBe(true);
  });
  expect(counts.entered).toBe(counts.taken + counts.left + counts.expired + inside.size);
  // The run saw what it is about.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
  while (room.size > 0) inside.delete(room.next(() => true) as Waiting<Ask>);
  expect(inside.size).toBe(0);
});

test.each(SEEDS)('seed %i: caps are never passed, and the counts are true', (seed) => {
  randomRun(seed, ({ room, inside }) => {
    for (const band of BANDS) {
      const there = [...inside].filter((one) => one.ask.band === band);
      const bytes = there.reduce((sum, one) => sum + one.ask.bytes, 0);
      expect(room.held(band)).toEqual({ requests: there.length, bytes });
      expect(there.length).toBeLessThanOrEqual(CAPS.requests);
      expect(bytes).toBeLessThanOrEqual(CAPS.bytes);
    }
    for (const group of ['x', 'y']) {
      const before = [...inside].filter(({ ask }) => ask.group === group && ask.band !== 'batch');
      const tokens = before.reduce((sum, { ask }) => sum + ask.tokens, 0);
      expect(room.ahead(group, 'normal')).toEqual({ requests: before.length, tokens });
    }
  });
});

test.each(SEEDS)('seed %i: a band is served only while no higher one waits for the same', (seed) => {
  randomRun(seed, ({ inside }, taken, closed) => {
    if (!taken) return;
    const rank = BANDS.indexOf(taken.ask.band);
    const passed = [...inside].filter(
      ({ ask }) => ask.group !== closed && BANDS.indexOf(ask.band) < rank && ask.group === taken.ask.group,
    );
    expect(passed).toEqual([]);
  });
});

test.each(SEEDS)('seed %i: inside a tenant, group and band the order is kept', (seed) => {
  randomRun(seed, ({ inside }, taken) => {
    if (!taken) return;
    const { group, band, tenant } = taken.ask;
    const passed = [...inside].filter(
      (one) =>
        one.order < taken.order &&
        one.ask.group === group &&
        one.ask.band === band &&
        one.ask.tenant === tenant,
    );
    expect(passed).toEqual([]);
  });
});

test.each(SEEDS)('seed %i: tenants that wait get the same per weight, within one request of each', (seed) => {
  const random = seeded(seed);
  const room = new WaitingRoom<Ask>({ requests: 1e6, bytes: 1e9 });
  const weights = { a: 1, b: 2, c: 5 };
  type Name = keyof typeof weights;
  const add = (tenant: Name) =>
    room.enter(
      {
        group: 'x',
        band: 'normal',
        tenant,
        weight: weights[tenant],
        tokens: 1 + random(MAX_TOKENS),
        bytes: 0,
      },
      0,
      1,
    );
  // A floods; all always wait.
  for (let i = 0; i < 500; i++) add('a');
  for (const tenant of ['b', 'c'] as const) for (let i = 0; i < 5; i++) add(tenant);
  const served = { a: 0, b: 0, c: 0 };
  for (let i = 0; i < 300; i++) {
    const { tenant, tokens } = room.next(() => true) as Waiting<Ask>;
    served[tenant as Name] += tokens;
    add(tenant as Name);
    for (const one of ['a', 'b', 'c'] as const) {
      for (const other of ['a', 'b', 'c'] as const) {
        const gap = served[one] / weights[one] - served[other] / weights[other];
        expect(gap).toBeLessThanOrEqual(MAX_TOKENS / weights[one] + MAX_TOKENS / weights[other]);
      }
    }
  }
});

test('the same asks come out in the same order', () => {
  const outcome = (seed: number) => {
    const orders: number[] = [];
    randomRun(seed, (_, taken) => taken && orders.push(taken.order));
    return orders;
  };
  expect(outcome(5)).toEqual(outcome(5));
  expect(outcome(5)).not.toEqual(outcome(6));
});
