import { RpcError } from '@zen/rpc';

/** A fixed number of slots and a bounded queue for them, first come, first served. */
export class Slots {
  running = 0;
  private readonly queue: (() => void)[] = [];

  constructor(
    private readonly slots: number,
    private readonly maxWaiting: number,
  ) {}

  get waiting(): number {
    return this.queue.length;
  }

  /** Resolves with what gives the slot back. */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.running >= this.slots) {
      if (this.queue.length >= this.maxWaiting) throw new RpcError('RESOURCE_EXHAUSTED', 'the queue is full');
      await this.turn(signal);
    } else {
      this.running++;
    }
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.queue.shift();
      // The slot passes on as it is, so the count stays.
      if (next) next();
      else this.running--;
    };
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const mine = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        const at = this.queue.indexOf(mine);
        if (at >= 0) this.queue.splice(at, 1);
        reject(new RpcError('CANCELLED', 'cancelled while waiting'));
      };
      this.queue.push(mine);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
