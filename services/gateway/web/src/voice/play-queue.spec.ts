import { PlayQueue } from './play-queue';

const ones = (count: number) => new Float32Array(count).fill(1);
const filled = (queue: PlayQueue, count: number) => {
  const out = new Float32Array(count).fill(7);
  queue.fill(out);
  return [...out];
};

test('plays in order, over borders of chunks and items, and silence after', () => {
  const queue = new PlayQueue();
  queue.push('a', Float32Array.of(1, 2, 3));
  queue.push('a', Float32Array.of(4));
  queue.push('b', Float32Array.of(5, 6));
  expect(filled(queue, 2)).toEqual([1, 2]);
  expect(queue.played).toEqual({ itemId: 'a', samples: 2 });
  expect(filled(queue, 3)).toEqual([3, 4, 5]);
  expect(queue.played).toEqual({ itemId: 'b', samples: 1 });
  expect(queue.idle).toBe(false);
  expect(filled(queue, 4)).toEqual([6, 0, 0, 0]);
  expect(queue.idle).toBe(true);
  expect(queue.played).toEqual({ itemId: 'b', samples: 2 });
});

test('silence while nothing comes is not counted', () => {
  const queue = new PlayQueue();
  expect(filled(queue, 3)).toEqual([0, 0, 0]);
  expect(queue.played).toBeNull();
  queue.push('a', ones(2));
  filled(queue, 5);
  queue.push('a', ones(2));
  filled(queue, 1);
  expect(queue.played).toEqual({ itemId: 'a', samples: 3 });
});

test('a flush says what it cut off and how much of that was heard', () => {
  const queue = new PlayQueue();
  expect(queue.flush()).toEqual([]);
  queue.push('a', ones(100));
  queue.push('b', ones(10));
  filled(queue, 30);
  expect(queue.flush()).toEqual([
    { itemId: 'a', samples: 30 },
    { itemId: 'b', samples: 0 },
  ]);
  expect(filled(queue, 2)).toEqual([0, 0]);
  // What was played to its end is not cut off.
  queue.push('c', ones(2));
  filled(queue, 4);
  expect(queue.flush()).toEqual([]);
});
