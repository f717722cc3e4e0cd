import { CLOSED } from './circuit';
import { type Candidate, pick, score } from './pick';

function candidate(id: string, changes: Partial<Candidate> = {}): Candidate {
  return {
    id,
    ready: true,
    circuit: CLOSED,
    stages: [0, 4],
    pressure: 0.5,
    answerMs: 1000,
    savedMs: 0,
    homeMs: 0,
    ...changes,
  };
}
const need = { stage: 4, tried: new Set<string>() };

describe('pick', () => {
  test('says why each was left out', () => {
    const all = [
      candidate('down', { ready: false }),
      candidate('open', { circuit: { t: 'open', untilMs: 10, openMs: 10 } }),
      candidate('young', { stages: [0] }),
      candidate('failed'),
    ];
    expect(pick(all, { stage: 4, tried: new Set(['failed']) }, 9, Math.random)).toEqual({
      t: 'none',
      excluded: { down: 'not-ready', open: 'circuit-open', young: 'stage-not-attached', failed: 'tried' },
    });
  });

  test.each([0, 0.3, 0.6, 0.99])('of two the less loaded, whatever the draw (%d)', (draw) => {
    const all = [candidate('busy', { pressure: 2 }), candidate('calm', { pressure: 0.1 })];
    expect(pick(all, need, 0, () => draw)).toMatchObject({ t: 'picked', id: 'calm' });
  });

  test('of many, the worst is never taken and the load is spread', () => {
    const all = [0.1, 0.2, 0.3, 0.4, 9].map((pressure, i) => candidate(`r${i}`, { pressure }));
    const counts: Record<string, number> = {};
    const random = seeded(1);
    for (let i = 0; i < 1000; i++) {
      const choice = pick(all, need, 0, random);
      if (choice.t === 'picked') counts[choice.id] = (counts[choice.id] ?? 0) + 1;
    }
    expect(Object.keys(counts).sort()).toEqual(['r0', 'r1', 'r2']);
    expect(counts.r0).toBeGreaterThan(counts.r2 ?? 0);
  });

  test('a delta stays at its home until that is saturated', () => {
    const home = (answerMs: number) => [candidate('home', { homeMs: 50, answerMs }), candidate('idle')];
    expect(pick(home(1090), need, 0, () => 0)).toMatchObject({ id: 'home', reason: 'delta' });
    const busy = [candidate('home', { homeMs: 50, answerMs: 1200, pressure: 3 }), candidate('idle')];
    expect(pick(busy, need, 0, () => 0)).toMatchObject({ id: 'idle', reason: 'saturated' });
  });

  test('a single one is taken however loaded', () => {
    expect(pick([candidate('a', { pressure: 50 })], need, 0, Math.random)).toMatchObject({ id: 'a' });
  });

  test.each([
    [0, 1],
    [1, 0.5],
    [null, 0.5],
    [3, 0.25],
  ])('score of pressure %p is %p', (pressure, want) => {
    expect(score({ pressure })).toBe(want);
  });

  describe('with a prefix', () => {
    const warm = (changes: Partial<Candidate>) => candidate('warm', { savedMs: 100, ...changes });
    const idle = candidate('idle', { answerMs: 1000, pressure: 0.1 });
    const route = (all: Candidate[], saturation: number) => {
      const choice = pick(all, need, 0, Math.random, saturation);
      return choice.t === 'picked' ? `${choice.id} ${choice.reason}` : choice.t;
    };

    test.each([
      ['as busy as the others', 1000, 'warm prefix'],
      ['busier, up to the threshold', 1200, 'warm prefix'],
      ['saturated', 1201, 'idle saturated'],
    ])('%s', (_, answerMs, expected) => {
      expect(route([idle, warm({ answerMs, pressure: 3 })], 2)).toBe(expected);
    });

    test('where nobody has it, load decides', () => {
      expect(route([idle, candidate('busy', { pressure: 3 })], 2)).toBe('idle load');
    });

    test('of two that have it, the one with more room', () => {
      const both = [warm({ answerMs: 1150 }), candidate('warmer', { answerMs: 1050, savedMs: 100 }), idle];
      expect(route(both, 2)).toBe('warmer prefix');
    });

    test('one whose costs nobody knows keeps nobody', () => {
      expect(route([idle, warm({ answerMs: null, pressure: 9 })], 2)).toBe('idle saturated');
    });

    test('the only one left is named so', () => {
      expect(route([warm({ ready: false }), idle], 2)).toBe('idle only');
    });
  });

  test('whatever is known of prefixes, only one that can take the request is picked', () => {
    const random = seeded(7);
    const oneOf = <T>(...values: T[]): T => values[Math.floor(random() * values.length)] as T;
    for (let round = 0; round < 5000; round++) {
      const nowMs = Math.floor(random() * 100);
      const all = [...Array(Math.floor(random() * 6)).keys()].map((at) =>
        candidate(`r${at}`, {
          ready: random() < 0.7,
          circuit: oneOf<Candidate['circuit']>(CLOSED, { t: 'open', untilMs: 50, openMs: 10 }),
          stages: oneOf([0], [0, 4], []),
          pressure: oneOf(null, random() * 10),
          answerMs: oneOf(null, random() * 5000),
          savedMs: oneOf(0, random() * 5000),
        }),
      );
      const tried = new Set(all.filter(() => random() < 0.2).map(({ id }) => id));
      const able = all.filter(
        ({ id, ready, circuit, stages }) =>
          ready && !tried.has(id) && stages.includes(4) && (circuit.t === 'closed' || nowMs >= 50),
      );
      const choice = pick(all, { stage: 4, tried }, nowMs, random);
      if (able.length === 0) expect(choice.t).toBe('none');
      else expect(able.map(({ id }) => id)).toContain(choice.t === 'picked' && choice.id);
    }
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
