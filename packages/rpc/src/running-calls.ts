import { RpcError } from './rpc-error';

/** What calls are told that a shutdown refuses or cuts short; trailers say so to programs. */
export function shuttingDown(): RpcError {
  return new RpcError('UNAVAILABLE', 'the server is shutting down', { 'x-zen-failure': 'draining' });
}

/** Who is being answered, and whether anybody new still is. */
export class RunningCalls {
  private readonly running = new Set<(reason: RpcError) => void>();
  private closing = false;
  private empty: () => void = () => {};

  /** Returns what to call at the call's end; throws UNAVAILABLE once `close` was called. `abort` ends the call. */
  enter(abort: (reason: RpcError) => void): () => void {
    if (this.closing) throw shuttingDown();
    this.running.add(abort);
    return () => {
      this.running.delete(abort);
      if (this.running.size === 0) this.empty();
    };
  }

  /** Lets nobody new in; resolves when the last call has ended or `graceMs` have passed. */
  async close(graceMs: number): Promise<void> {
    this.closing = true;
    if (this.running.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.empty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends what still runs with UNAVAILABLE. */
  expel(): void {
    for (const abort of this.running) abort(shuttingDown());
  }
}
