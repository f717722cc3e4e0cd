import { QueueFull, RoomQueue } from './room-queue';

const never = new AbortController().signal;

/** A room of some places, and who has how many of them. */
function room(places: number, most = 10) {
  const used = new Map<string, number>();
  const usedOf = (tenant: string) => used.get(tenant) ?? 0;
  const queue = new RoomQueue(most, usedOf);
  const seen: string[] = [];
  let free = places;
  const take = (tenant: string, name = tenant, signal = never) =>
    queue.take(
      tenant,
      () => {
        if (free === 0) return null;
        free--;
        used.set(tenant, usedOf(tenant) + 1);
        return seen.push(name);
      },
      signal,
    );
  const leave = (tenant: string) => {
    free++;
    used.set(tenant, usedOf(tenant) - 1);
    queue.changed();
  };
  return { queue, take, leave, seen };
}

describe('those who wait for room', () => {
  test('come in turn, the tenant with the least first', async () => {
    const { queue, take, leave, seen } = room(3);
    await Promise.all([take('noisy'), take('noisy'), take('other')]);
    const rest = [take('noisy', 'noisy-3'), take('noisy', 'noisy-4'), take('quiet', 'quiet-1')];
    expect(queue.length).toBe(3);
    for (let i = 0; i < 2; i++) leave('noisy');
    leave('other');
    await Promise.all(rest);
    expect(seen.slice(3)).toEqual(['quiet-1', 'noisy-3', 'noisy-4']);
  });

  test('are so many at most', async () => {
    const { take, leave, seen } = room(1, 1);
    await take('a', 'first');
    const second = take('a', 'second');
    await expect(take('a')).rejects.toThrow(QueueFull);
    leave('a');
    await second;
    expect(seen).toEqual(['first', 'second']);
  });

  test('leave when they are told to, and nobody gets their place', async () => {
    const { queue, take, leave, seen } = room(1);
    await take('a', 'first');
    const impatient = new AbortController();
    const gone = take('a', 'gone', impatient.signal);
    impatient.abort(new Error('too long'));
    await expect(gone).rejects.toThrow('too long');
    expect(queue.length).toBe(0);
    leave('a');
    await take('b', 'next');
    expect(seen).toEqual(['first', 'next']);
    await expect(take('a', 'x', impatient.signal)).rejects.toThrow('too long');
  });
});
