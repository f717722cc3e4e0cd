import { SingleFlight } from './single-flight';

const never = new AbortController().signal;

/** A flight that ends when it is told to. */
function gate<T>() {
  let land: (value: T) => void = () => undefined;
  let crash: (error: Error) => void = () => undefined;
  const result = new Promise<T>((resolve, reject) => {
    land = resolve;
    crash = reject;
  });
  return { result, land, crash };
}

describe('a single flight', () => {
  test('brings one thing once for all who wait for it', async () => {
    const flights = new SingleFlight<number>();
    const { result, land } = gate<number>();
    let begun = 0;
    const join = () =>
      flights.join('a', never, () => {
        begun++;
        return result;
      });
    const all = [join(), join(), join()];
    land(7);
    expect(await Promise.all(all)).toEqual([7, 7, 7]);
    expect([begun, flights.size]).toEqual([1, 0]);
    await flights.join('a', never, async () => ++begun);
    expect(begun).toBe(2);
  });

  test('fails for all who wait, and is tried again by the next', async () => {
    const flights = new SingleFlight<number>();
    const { result, crash } = gate<number>();
    const all = Promise.allSettled([
      flights.join('a', never, () => result),
      flights.join('a', never, () => result),
    ]);
    crash(new Error('lost'));
    expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await flights.join('a', never, async () => 1)).toBe(1);
  });

  test('goes on for those who stay, and ends when the last has left', async () => {
    const flights = new SingleFlight<number>();
    const { result, land } = gate<number>();
    const [first, second] = [new AbortController(), new AbortController()];
    let ended: AbortSignal | undefined;
    const begin = (signal: AbortSignal) => {
      ended = signal;
      return result;
    };
    const one = flights.join('a', first.signal, begin);
    const two = flights.join('a', second.signal, begin);
    first.abort(new Error('one left'));
    await expect(one).rejects.toThrow('one left');
    expect(ended?.aborted).toBe(false);
    second.abort(new Error('two left'));
    await expect(two).rejects.toThrow('two left');
    expect(ended?.aborted).toBe(true);
    // What is being given up is joined by nobody.
    expect(await flights.join('a', never, async () => 5)).toBe(5);
    land(1);
    await expect(flights.join('a', first.signal, begin)).rejects.toThrow('one left');
  });
});
