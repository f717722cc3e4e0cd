import type { Caps } from '@zen/admission';
import { GatewayError } from '../gateway-error';
import type { DeclaredModel } from './declared-model';
import type { ModelBook } from './model-book';

/** What the waker asks of the fleet. */
export interface Sleepers {
  /** The declared model that a request of this name waits for; undefined where somebody can answer it, or nobody will. */
  sleeperOf(name: string): DeclaredModel | undefined;
  /** Whether any answer of the model runs, this gateway's or another's. */
  isBusy(model: string): boolean;
}

export interface WakerOptions {
  now: () => number;
  /** Requests that wait at once at most, and the bytes of their prompts. */
  caps: Caps;
  /** Longest time for one answer, milliseconds. */
  timeoutMs: number;
  onWoken(model: string, tookMs: number): void;
  onLate(model: string): void;
  onTrouble(model: string, error: Error): void;
}

/** A wake that did not take is asked for again after this. */
const AGAIN_MS = 2000;
/** How often uses are looked at, and how many marks fall into the time that an idle model stays. */
const LOOK_MS = 1000;
const MARKS = 4;

/** Holds requests for models that have no thinker now, asks for one, and says that models are in use. */
export class Waker {
  private readonly waiting = new Set<() => void>();
  private readonly held = { requests: 0, bytes: 0 };
  /** When each model was asked to wake, by its name. */
  private readonly asked = new Map<string, number>();
  /** When each model was marked as used, and those that were used since. */
  private readonly marked = new Map<string, number>();
  private readonly recent = new Set<string>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly book: ModelBook,
    private readonly sleepers: Sleepers,
    private readonly options: WakerOptions,
  ) {
    this.timer = setInterval(() => this.mark(), LOOK_MS).unref();
  }

  get heldRequests(): number {
    return this.held.requests;
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** A thinker or a model may have changed. */
  look(): void {
    for (const check of [...this.waiting]) check();
  }

  /** A request for the model is being answered. */
  used(model: string): void {
    if (this.book.find(model)) this.recent.add(model);
  }

  /**
   * Resolves when the model can answer, at once where nothing keeps it. Rejects with a GatewayError when that takes
   * longer than the model allows; whoever comes again finds it further.
   */
  async awake(name: string, bytes: number, signal: AbortSignal): Promise<void> {
    const sleeper = this.sleepers.sleeperOf(name);
    if (!sleeper) return;
    const { caps, now, timeoutMs } = this.options;
    if (this.held.requests + 1 > caps.requests || this.held.bytes + bytes > caps.bytes) {
      const message = `overloaded: ${this.held.requests} requests wait for models that start`;
      throw new GatewayError('overloaded', message, { retryAfterS: 5 });
    }
    if (sleeper.replicas === 0 && !sleeper.wake.onDemand) throw asleep(sleeper);
    const startedMs = now();
    const deadlineMs = startedMs + Math.min(sleeper.wake.holdSeconds * 1000, timeoutMs);
    this.held.requests++;
    this.held.bytes += bytes;
    try {
      await this.wait(name, deadlineMs, signal);
      this.options.onWoken(sleeper.model, now() - startedMs);
    } finally {
      this.held.requests--;
      this.held.bytes -= bytes;
    }
  }

  private wait(name: string, deadlineMs: number, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const end = (error?: GatewayError) => {
        clearTimeout(timer);
        this.waiting.delete(check);
        signal.removeEventListener('abort', check);
        if (error) reject(error);
        else resolve();
      };
      const check = () => {
        if (signal.aborted)
          return end(new GatewayError('cancelled', 'the request was cancelled while it waited'));
        const sleeper = this.sleepers.sleeperOf(name);
        if (!sleeper) return end();
        const leftMs = deadlineMs - this.options.now();
        if (leftMs <= 0) {
          this.options.onLate(sleeper.model);
          return end(starting(sleeper));
        }
        this.ask(sleeper);
        clearTimeout(timer);
        timer = setTimeout(check, Math.min(leftMs, AGAIN_MS));
      };
      this.waiting.add(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  private ask(sleeper: DeclaredModel): void {
    const nowMs = this.options.now();
    const { model, replicas, wake } = sleeper;
    if (replicas > 0 || !wake.onDemand) return;
    if (nowMs - (this.asked.get(model) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
    this.asked.set(model, nowMs);
    // Where somebody else was faster it is awake, and the watch says so.
    this.book.wake(sleeper).catch((error: Error) => this.options.onTrouble(model, error));
  }

  private mark(): void {
    const nowMs = this.options.now();
    for (const model of this.book.all()) {
      const { model: name, idleAfterSeconds } = model;
      if (idleAfterSeconds === 0 || !(this.recent.has(name) || this.sleepers.isBusy(name))) continue;
      if (nowMs - (this.marked.get(name) ?? Number.NEGATIVE_INFINITY) < (idleAfterSeconds * 1000) / MARKS)
        continue;
      this.recent.delete(name);
      this.marked.set(name, nowMs);
      this.book.used(model).catch((error: Error) => this.options.onTrouble(name, error));
    }
  }
}

function asleep({ model }: DeclaredModel): GatewayError {
  const message = `the model "${model}" is asleep, and no request wakes it`;
  return new GatewayError('unavailable', message, { retryAfterS: 60 });
}

function starting({ model, wake }: DeclaredModel): GatewayError {
  const message = `the model "${model}" is starting and was not there within ${wake.holdSeconds} s; try again`;
  return new GatewayError('unavailable', message, { retryAfterS: 5 });
}
