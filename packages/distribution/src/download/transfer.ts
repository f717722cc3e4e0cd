import { setTimeout as sleep } from 'node:timers/promises';
import { HttpError, RetryableError, type RetryPolicy } from '@zen/http';
import { CHUNK_BYTES, type StageLayer } from '@zen/ladder';
import { DistributionError } from '../distribution-error';
import { chunkHash } from '../sha256';
import { type ArtifactStore, RangesIgnored } from '../store/artifact-store';
import { RateMeter } from './rate-meter';
import { Throttle } from './throttle';

/** Wrong bytes or lengths from one place in a row before the server is taken for broken. */
const MAX_LIES = 3;
/** A request that brings less than this, measured over the time it is waited for, is given up like a silent one. */
const SLOWEST_BYTES_PER_SECOND = 1024;

/** Bytes from a store, verified: what a download and a repair share. */
export class Transfer {
  /** Of bodies, wasted ones included. */
  bytesReceived = 0;
  inFlight = 0;
  /** Why nothing arrives at the moment, or null. */
  trouble: string | null = null;
  /** The store sends only whole blobs. */
  ignoresRanges = false;
  onBytes: (bytes: number) => void = () => {};
  onOverload: () => void = () => {};
  readonly rate = new RateMeter(() => performance.now());
  private readonly throttle: Throttle | null;
  /** The server asked not to be asked before, on the clock of `performance.now()`. */
  private quietUntilMs = 0;

  constructor(
    readonly store: ArtifactStore,
    private readonly retry: RetryPolicy,
    bytesPerSecond: number | null,
  ) {
    this.throttle = bytesPerSecond === null ? null : new Throttle(bytesPerSecond, () => performance.now());
  }

  /**
   * One chunk. After a drop it goes on at the byte where it was; only bytes that turn out wrong are fetched again.
   * Throws RangesIgnored where the store cannot do that.
   */
  async chunk(layer: StageLayer, chunk: number, signal: AbortSignal): Promise<Buffer> {
    const offset = chunk * CHUNK_BYTES;
    const data = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, layer.bytes - offset));
    const attempts = new Attempts(`stage ${layer.stage}, chunk ${chunk}`);
    for (let got = 0; ; ) {
      await this.quiet(signal);
      const before = got;
      try {
        const { digest } = layer;
        const pieces = this.store.read(digest, offset + got, data.length - got, signal);
        for await (const piece of this.received(pieces, signal)) {
          data.set(piece, got);
          got += piece.length;
        }
        if (got === before) throw new RetryableError('an empty answer', null);
        if (got === data.length) {
          if ((await chunkHash(data)) === layer.chunks[chunk]) return data;
          got = 0;
          throw new HttpError('wrong-length', 'the bytes do not match their SHA-256');
        }
      } catch (error) {
        if (error instanceof RangesIgnored) {
          this.ignoresRanges = true;
          throw error;
        }
        if (got > before) attempts.failures = 0;
        await this.recover(error, attempts, signal);
      }
    }
  }

  /**
   * A whole blob in one request, for stores that ignore ranges. Chunks that are not wanted are read over; after a
   * drop the next request begins at the first byte again, which no client can help.
   */
  async whole(
    layer: StageLayer,
    wanted: (chunk: number) => boolean,
    write: (chunk: number, data: Buffer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const attempts = new Attempts(`stage ${layer.stage}`);
    const missing = new Set([...layer.chunks.keys()].filter(wanted));
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, layer.bytes));
    while (missing.size > 0) {
      await this.quiet(signal);
      try {
        let at = 0;
        for await (const piece of this.received(
          this.store.whole(layer.digest, layer.bytes, signal),
          signal,
        )) {
          for (let used = 0; used < piece.length; ) {
            const chunk = Math.floor(at / CHUNK_BYTES);
            const filled = at - chunk * CHUNK_BYTES;
            const bytes = Math.min(CHUNK_BYTES, layer.bytes - chunk * CHUNK_BYTES);
            const taken = Math.min(piece.length - used, bytes - filled);
            buffer.set(piece.subarray(used, used + taken), filled);
            used += taken;
            at += taken;
            if (filled + taken < bytes || !missing.has(chunk)) continue;
            const data = buffer.subarray(0, bytes);
            if ((await chunkHash(data)) !== layer.chunks[chunk]) continue;
            await write(chunk, data);
            missing.delete(chunk);
            attempts.failures = 0;
          }
        }
        if (missing.size > 0) throw new HttpError('wrong-length', 'the bytes do not match their SHA-256');
      } catch (error) {
        await this.recover(error, attempts, signal);
      }
    }
  }

  /** Counts, limits the rate, and ends a request that crawls. */
  private async *received(
    pieces: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    this.inFlight += 1;
    let bytes = 0;
    let waitedMs = 0;
    let askedMs = performance.now();
    try {
      for await (const piece of pieces) {
        waitedMs += performance.now() - askedMs;
        bytes += piece.length;
        this.bytesReceived += piece.length;
        this.rate.add(piece.length);
        this.trouble = null;
        this.onBytes(piece.length);
        yield piece;
        if (waitedMs > this.retry.idleMs && (bytes * 1000) / waitedMs < SLOWEST_BYTES_PER_SECOND) {
          throw new RetryableError(`less than ${SLOWEST_BYTES_PER_SECOND} bytes per second`, null);
        }
        await this.throttle?.pass(piece.length, signal);
        askedMs = performance.now();
      }
    } finally {
      this.inFlight -= 1;
    }
  }

  /** Waits before the next attempt, or throws where there must be none. */
  private async recover(error: unknown, attempts: Attempts, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const lied = error instanceof HttpError && error.failure === 'wrong-length';
    if (!lied && !(error instanceof RetryableError)) throw error;
    attempts.failures += 1;
    const { message } = error;
    if (lied) {
      attempts.lies += 1;
      if (attempts.lies >= MAX_LIES) {
        throw new DistributionError('corrupt', `${attempts.what}: ${message} (${MAX_LIES} times)`, {
          cause: error,
        });
      }
    }
    if (attempts.failures >= this.retry.attempts) {
      const tries = `${attempts.failures} tries`;
      throw new DistributionError('network', `${attempts.what}: ${message} (${tries})`, { cause: error });
    }
    this.trouble = `${attempts.what}: ${message}`;
    const asked = error instanceof RetryableError ? error.retryAfterMs : null;
    const { baseDelayMs, maxDelayMs } = this.retry;
    const delayMs = Math.min(maxDelayMs, asked ?? baseDelayMs * 2 ** Math.min(30, attempts.failures - 1));
    if (asked !== null || /^status (429|503)/.test(message)) {
      // Meant for all of us, not for this request alone.
      this.quietUntilMs = Math.max(this.quietUntilMs, performance.now() + delayMs);
      this.onOverload();
    }
    await sleep(delayMs, undefined, { signal });
  }

  private async quiet(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const waitMs = this.quietUntilMs - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
  }
}

/** What has gone wrong with one piece of work. */
class Attempts {
  /** Since something arrived. */
  failures = 0;
  lies = 0;

  constructor(readonly what: string) {}
}
