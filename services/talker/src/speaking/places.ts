import { type Ask, type Band, WaitingRoom } from '@zen/admission';
import { TalkerError } from '../talker-error';

export interface PlacesLimits {
  maxSpeaking: number;
  /** Of each priority. */
  maxWaiting: number;
  maxWaitMs: number;
}

interface Asking extends Ask {
  admit(): void;
}

const GROUP = 'speaking';

/**
 * Who may speak: at most so many at once. Others wait, strictly by priority and fairly between the tenants of one, for
 * so long at most.
 */
export class Places {
  private readonly room: WaitingRoom<Asking>;
  private readonly closed = new AbortController();
  private taken = 0;

  constructor(
    private readonly limits: PlacesLimits,
    private readonly nowMs: () => number,
  ) {
    this.room = new WaitingRoom({ requests: limits.maxWaiting, bytes: Number.MAX_SAFE_INTEGER });
  }

  get speaking(): number {
    return this.taken;
  }

  get waiting(): number {
    return this.room.size;
  }

  /** Refuses those who wait, and whoever comes. */
  close(): void {
    this.closed.abort(new TalkerError('draining', 'the talker is shutting down'));
  }

  /** Resolves with what to call, once or more, when the place is free again. Rejects with a signal's reason. */
  async take({ band, tenant }: { band: Band; tenant: string }, signal: AbortSignal): Promise<() => void> {
    const ending = AbortSignal.any([signal, this.closed.signal]);
    ending.throwIfAborted();
    if (this.taken >= this.limits.maxSpeaking) await this.wait(band, tenant, ending);
    else this.taken += 1;
    let held = true;
    return () => {
      if (held) this.leave();
      held = false;
    };
  }

  private async wait(band: Band, tenant: string, ending: AbortSignal): Promise<void> {
    const { maxSpeaking, maxWaitMs } = this.limits;
    await new Promise<void>((resolve, reject) => {
      const over = () => {
        clearTimeout(timer);
        ending.removeEventListener('abort', ended);
      };
      const admit = () => {
        over();
        resolve();
      };
      const ask = { group: GROUP, band, tenant, weight: 1, tokens: 1, bytes: 0, admit };
      const entry = this.room.enter(ask, this.nowMs(), maxWaitMs);
      const leave = (error: unknown) => {
        over();
        if ('ask' in entry) this.room.leave(entry);
        reject(error);
      };
      const ended = () => leave(ending.reason);
      const late = () =>
        leave(
          new TalkerError(
            'waited',
            `max_speaking: ${maxSpeaking} speak and none ended within ${maxWaitMs} ms`,
          ),
        );
      const timer = 'ask' in entry ? setTimeout(late, maxWaitMs) : undefined;
      if ('ask' in entry) {
        ending.addEventListener('abort', ended, { once: true });
        return;
      }
      const whose = entry.whose === 'tenant' ? 'this tenant may have' : `${band} priority may have`;
      reject(
        new TalkerError(
          'full',
          `max_waiting: ${maxSpeaking} speak and ${entry.limit} wait, which is all that ${whose}`,
        ),
      );
    });
  }

  private leave(): void {
    const next = this.room.next(() => true);
    // The place goes from one to the other.
    if (next) next.ask.admit();
    else this.taken -= 1;
  }
}
