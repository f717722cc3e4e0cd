import { CLOSED } from './circuit';
import { type Candidate, pick, score } from './pick';

function candidate(id: string, changes: Partial<Candidate> = {}): Candidate {
  return { id, ready: true, circuit: CLOSED, stages: [0, 4], pressure: 0.5, ...changes };
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
    let state = 1;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    for (let i = 0; i < 1000; i++) {
      const choice = pick(all, need, 0, random);
      if (choice.t === 'picked') counts[choice.id] = (counts[choice.id] ?? 0) + 1;
    }
    expect(Object.keys(counts).sort()).toEqual(['r0', 'r1', 'r2', 'r3']);
    expect(counts.r0).toBeGreaterThan(counts.r3 ?? 0);
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
});
