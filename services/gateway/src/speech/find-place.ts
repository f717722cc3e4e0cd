import { pause } from '@zen/pause';
import { RpcError } from '@zen/rpc';

/** A talker that failed is left out for so long, while others may be there. */
const SHUN_MS = 1000;
const LOOK_EVERY_MS = 50;

export interface PlaceSearch<P> {
  /** One that may be asked now and is not among `shunned` (addresses); undefined while there is none. */
  pick(shunned: ReadonlySet<string>): P | undefined;
  /** Addresses that failed, and when. Those of long ago leave it. */
  shunned: Map<string, number>;
  /** Since when somebody is looked for, and for how long at most, milliseconds. */
  sinceMs: number;
  mostWaitMs: number;
  /** What failed last: thrown where nobody is found. */
  last: RpcError | undefined;
  signal: AbortSignal;
  nowMs(): number;
}

/** The talker to go on with, as soon as there is one: another, or one that has come back. @throws RpcError */
export async function findPlace<P>(search: PlaceSearch<P>): Promise<P> {
  const { pick, shunned, sinceMs, mostWaitMs, last, signal, nowMs } = search;
  for (;;) {
    if (signal.aborted) throw new RpcError('CANCELLED', 'the caller is gone');
    for (const [address, atMs] of shunned) if (nowMs() - atMs > SHUN_MS) shunned.delete(address);
    const place = pick(new Set(shunned.keys()));
    if (place) return place;
    if (nowMs() - sinceMs >= mostWaitMs) {
      throw last ?? new RpcError('UNAVAILABLE', 'no talker can be asked now');
    }
    await pause(LOOK_EVERY_MS, signal);
  }
}
