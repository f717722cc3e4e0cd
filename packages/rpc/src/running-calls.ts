import { RpcError } from './rpc-error';

/** Who is being answered, and whether anybody new still is. */
export class RunningCalls {
  private count = 0;
  private closing = false;
  private empty: () => void = () => {};

  /** Returns what to call at the call's end; throws UNAVAILABLE once `close` was called. */
  enter(): () => void {
    if (this.closing) throw new RpcError('UNAVAILABLE', 'the server is shutting down');
    this.count++;
    return () => {
      this.count--;
      if (this.count === 0) this.empty();
    };
  }

  /** Lets nobody new in; resolves when the last call has ended or `graceMs` have passed. */
  async close(graceMs: number): Promise<void> {
    this.closing = true;
    if (this.count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.empty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
