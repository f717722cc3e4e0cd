import { unlessAborted } from './unless-aborted';

interface Flight<T> {
  result: Promise<T>;
  waiting: number;
  ending: AbortController;
}

/** Whoever wants the same thing while it is on its way waits for the one that brings it. */
export class SingleFlight<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /** Things on their way. */
  get size(): number {
    return this.flights.size;
  }

  /**
   * The result of the flight for `key`, begun with `begin` where there is none. A caller whose signal fires leaves with
   * its reason; the last one to leave ends the flight.
   */
  async join(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const flight = this.flights.get(key) ?? this.start(key, begin);
    flight.waiting++;
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      if (--flight.waiting === 0) flight.ending.abort(signal.reason);
    }
  }

  private start(key: string, begin: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const ending = new AbortController();
    const flight: Flight<T> = { result: begin(ending.signal), waiting: 0, ending };
    const over = () => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    };
    flight.result.then(over, over);
    // Nobody joins what is being given up.
    ending.signal.addEventListener('abort', over, { once: true });
    this.flights.set(key, flight);
    return flight;
  }
}
