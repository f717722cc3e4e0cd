import { setTimeout as sleep } from 'node:timers/promises';
import type { FetchResponse } from '@zen/contracts';
import { RpcError } from '@zen/rpc';
import type { ThinkerError } from '../request/thinker-error';
import type { DeltaId } from './delta-id';
import type { Bring } from './disk-tier';
import type { HostHold, Landing } from './host-tier';
import { storeFailure } from './store-failure';

/** The data from an offset on; the first message holds the manifest. */
export type Fetch = (offset: number, signal: AbortSignal) => AsyncIterable<FetchResponse>;

/** Attempts that bring nothing before the store counts as gone; the pause before each further one doubles. */
const FRUITLESS = 4;
const FIRST_PAUSE_MS = 50;
/** A store that says nothing for this long does not answer, milliseconds. */
const SILENCE_MS = 10_000;

/**
 * Brings a delta from the store, the manifest first: a transfer that is cut goes on where it was, and no message is
 * asked for before the last one is taken in. Throws a ThinkerError, or the signal's reason.
 */
export async function fetchDelta(
  id: DeltaId,
  fetch: Fetch,
  bring: Bring,
  signal: AbortSignal,
): Promise<HostHold> {
  const transfer = new Transfer(id, fetch, bring);
  try {
    for (let fruitless = 0; ; ) {
      const before = transfer.received;
      const failure = await transfer.attempt(signal);
      signal.throwIfAborted();
      if (failure === null) return transfer.land();
      fruitless = transfer.received > before ? 0 : fruitless + 1;
      if (failure.failure !== 'delta_store_unavailable' || fruitless === FRUITLESS) throw failure;
      await sleep(FIRST_PAUSE_MS * 2 ** fruitless, undefined, { signal });
    }
  } finally {
    transfer.cancel();
  }
}

class Transfer {
  private landing: Landing | null = null;

  constructor(
    private readonly id: DeltaId,
    private readonly fetch: Fetch,
    private readonly bring: Bring,
  ) {}

  /** Bytes of data so far; -1 before the manifest. */
  get received(): number {
    return this.landing?.incoming.received ?? -1;
  }

  /** One call of the store; null once all is here. */
  async attempt(signal: AbortSignal): Promise<ThinkerError | null> {
    const silence = new AbortController();
    const arm = () => setTimeout(() => silence.abort(), SILENCE_MS);
    let timer = arm();
    try {
      const messages = this.fetch(Math.max(0, this.received), AbortSignal.any([signal, silence.signal]));
      for await (const { manifest, chunk } of messages) {
        // What takes long in here is not the store's silence.
        clearTimeout(timer);
        this.landing ??= await this.bring(manifest);
        if (chunk.length > 0) this.landing.incoming.push(chunk);
        timer = arm();
      }
      if (this.landing && this.received === this.landing.incoming.bytes) return null;
      return storeFailure(new RpcError('UNAVAILABLE', 'the store ended before the delta did'), this.id);
    } catch (error) {
      signal.throwIfAborted();
      const gone = silence.signal.aborted;
      return storeFailure(gone ? new RpcError('UNAVAILABLE', 'the store says nothing') : error, this.id);
    } finally {
      clearTimeout(timer);
    }
  }

  land(): HostHold {
    if (!this.landing) throw new RangeError('nothing has come');
    return this.landing.land();
  }

  cancel(): void {
    this.landing?.cancel();
  }
}
