import { HeldExperts } from './held-experts';

/** Two layers of three experts, up to stage 4. */
const make = () => new HeldExperts(2, 3, 4);
const cells = (...of: number[]) => Uint8Array.from({ length: 6 }, (_, cell) => (of.includes(cell) ? 1 : 0));

describe('HeldExperts', () => {
  test('at first the level is what all that came have, and rises with the last of them', () => {
    const held = make();
    held.assign(7n, cells(0, 4));
    expect([held.level, held.held(), held.heldVersion]).toEqual([-1, [], 0n]);
    held.set(0, 0);
    expect([held.level, held.held()]).toEqual([0, [{ layer: 0, experts: [0] }]]);
    held.set(0, 1);
    held.set(4, 0);
    expect(held.level).toBe(0);
    held.set(4, 1);
    expect([held.level, held.held().length]).toEqual([1, 2]);
    for (const cell of [0, 4]) held.set(cell, 4);
    expect([held.level, held.heldVersion]).toEqual([4, 7n]);
  });

  test('a later one is listed once it has reached the others, and takes nothing from them', () => {
    const held = make();
    held.assign(1n, cells(0));
    held.set(0, 4);
    held.assign(2n, cells(0, 1));
    held.set(1, 3);
    expect([held.level, held.held(), held.heldVersion]).toEqual([4, [{ layer: 0, experts: [0] }], 1n]);
    expect(held.stageOf(0, 1)).toBe(3);
    held.set(1, 4);
    expect([held.held(), held.heldVersion]).toEqual([[{ layer: 0, experts: [0, 1] }], 2n]);
  });

  test('what is left out is not listed, answers on, and comes back for nothing', () => {
    const held = make();
    held.assign(1n, cells(0, 5));
    for (const cell of [0, 5]) held.set(cell, 4);
    expect(held.assign(2n, cells(5))).toEqual({ dropped: [0], changed: true });
    expect(held.held()).toEqual([{ layer: 1, experts: [2] }]);
    expect(held.stageOf(0, 0)).toBe(4);
    expect(held.needed()[0]).toBe(4);
    expect(held.heldVersion).toBe(2n);
    held.assign(3n, cells(0, 5));
    expect([held.heldVersion, held.leaving.size]).toEqual([3n, 0]);
    held.assign(4n, cells(5));
    held.set(0, -1);
    expect([held.needed()[0], held.leaving.size, held.stageOf(0, 0)]).toEqual([-1, 0, -1]);
  });

  test('the same again with a higher version changes nothing and is held at once', () => {
    const held = make();
    held.assign(1n, cells(2));
    held.set(2, 4);
    expect(held.assign(9n, cells(2))).toEqual({ dropped: [], changed: false });
    expect(held.heldVersion).toBe(9n);
  });

  test('one that was let go leaves the list and nothing else', () => {
    const held = make();
    held.assign(1n, cells(0, 1));
    for (const cell of [0, 1]) held.set(cell, 4);
    held.set(1, -1);
    expect([held.level, held.held()]).toEqual([4, [{ layer: 0, experts: [0] }]]);
    held.set(0, -1);
    expect([held.level, held.held()]).toEqual([-1, []]);
    expect([...held.lacking(0, 0, new Set([1]))]).toEqual([0]);
  });
});
