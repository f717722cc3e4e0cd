import { LoadWindow } from './load-window';

const window = () => new LoadWindow(2, 600, 6);

describe('a load window', () => {
  test('sums what came within its span, and lets go of the rest part by part', () => {
    const load = window();
    load.add([1, 10], 1000);
    load.add([2, 20], 1350);
    expect([...load.tokens]).toEqual([3, 30]);
    load.advance(1599);
    expect([...load.tokens]).toEqual([3, 30]);
    load.advance(1600);
    expect([...load.tokens]).toEqual([2, 20]);
    load.advance(1900);
    expect([...load.tokens]).toEqual([0, 0]);
  });

  test('a long silence empties it, and it goes on', () => {
    const load = window();
    load.add([5, 5], 0);
    load.add([1, 2], 1_000_000_000);
    expect([...load.tokens]).toEqual([1, 2]);
    load.add([1, 2], 1_000_000_100);
    expect([...load.tokens]).toEqual([2, 4]);
    load.advance(1_000_000_600);
    expect([...load.tokens]).toEqual([1, 2]);
  });

  test('an earlier moment counts as the last one', () => {
    const load = window();
    load.add([1, 0], 5000);
    load.add([1, 0], 100);
    load.advance(5599);
    expect([...load.tokens]).toEqual([2, 0]);
    load.advance(5600);
    expect([...load.tokens]).toEqual([0, 0]);
  });
});
