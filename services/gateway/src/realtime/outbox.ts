import type { WebSocket } from 'ws';

export interface OutboxOptions {
  /** Events that were sent are kept up to so many bytes, for a client that comes back; 0 keeps none. */
  keptBytes: number;
  /** A client that takes nothing for so long is too slow. */
  stallMs: number;
  onStalled(): void;
}

/** More than this on its way to a client that does not take it, and whoever makes more has to wait. */
const HIGH_BYTES = 256 * 1024;
const LOW_BYTES = 64 * 1024;
const ID = /^event_(\d{1,15})$/;

interface Kept {
  /** From 1. */
  number: number;
  text: string;
}

/**
 * The events of one session on their way to its client, numbered in their ids. What a slow client does not take waits
 * here, and `behind` makes those wait that make more; what a dropped connection has lost is sent again over the next.
 */
export class Outbox {
  private readonly kept: Kept[] = [];
  /** Characters, nearly all of which are one byte. */
  private keptSize = 0;
  private number = 0;
  /** Of the last that was given to the socket. */
  private sent = 0;
  private unsentSize = 0;
  private socket: WebSocket | null = null;
  private waiting: { promise: Promise<void>; done(): void } | null = null;
  private stall: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: OutboxOptions) {}

  push(event: { type: string }): void {
    const number = ++this.number;
    const text = JSON.stringify({ event_id: `event_${number}`, ...event });
    this.kept.push({ number, text });
    this.keptSize += text.length;
    this.unsentSize += text.length;
    this.flush();
    this.trim();
  }

  /** Something to wait for where the client is behind. */
  behind(): Promise<void> | undefined {
    if (this.closed || this.unsentSize + (this.socket?.bufferedAmount ?? 0) < HIGH_BYTES) return undefined;
    if (!this.waiting) {
      let done = () => {};
      const promise = new Promise<void>((resolve) => {
        done = resolve;
      });
      this.waiting = { promise, done };
    }
    this.watchStall();
    return this.waiting.promise;
  }

  /** The client has these for good. */
  acknowledge(eventId: string): void {
    const number = Number(ID.exec(eventId)?.[1] ?? 0);
    while (this.kept[0] && this.kept[0].number <= Math.min(number, this.sent)) this.drop();
  }

  /** Whether everything after this event can be sent again; empty: everything since the beginning. */
  canResume(after: string): boolean {
    const number = after === '' ? 0 : Number(ID.exec(after)?.[1] ?? Number.NaN);
    const first = this.kept[0]?.number ?? this.number + 1;
    return number >= first - 1 && number <= this.number;
  }

  /** From here on events go to this socket: first those after the one named. */
  attach(socket: WebSocket, after: string): void {
    this.socket = socket;
    const number = after === '' ? 0 : Number(ID.exec(after)?.[1]);
    this.sent = number;
    this.unsentSize = this.kept.reduce((sum, one) => sum + (one.number > number ? one.text.length : 0), 0);
    this.flush();
  }

  detach(): void {
    this.socket = null;
    clearTimeout(this.stall);
    this.stall = undefined;
  }

  /** What is left goes to the socket, however much it holds; nobody takes anything after it, and whoever waits goes on. */
  close(): void {
    this.closed = true;
    this.flush(Number.POSITIVE_INFINITY);
    this.detach();
    this.kept.length = 0;
    this.waiting?.done();
    this.waiting = null;
  }

  private flush(most = HIGH_BYTES): void {
    const { socket } = this;
    if (!socket) return;
    const first = this.kept[0]?.number ?? 0;
    for (let at = this.sent + 1 - first; at < this.kept.length; at++) {
      if (socket.bufferedAmount >= most) return;
      const { number, text } = this.kept[at] as Kept;
      this.sent = number;
      this.unsentSize -= text.length;
      socket.send(text, () => this.written(socket));
    }
  }

  /** The system took something. */
  private written(socket: WebSocket): void {
    if (socket !== this.socket) return;
    clearTimeout(this.stall);
    this.stall = undefined;
    this.flush();
    this.trim();
    if (!this.waiting) return;
    if (this.unsentSize + socket.bufferedAmount <= LOW_BYTES) {
      this.waiting.done();
      this.waiting = null;
    } else this.watchStall();
  }

  private watchStall(): void {
    if (!this.socket || this.stall) return;
    this.stall = setTimeout(() => this.options.onStalled(), this.options.stallMs).unref();
  }

  private trim(): void {
    const { keptBytes } = this.options;
    while (this.kept[0] && this.kept[0].number <= this.sent && this.keptSize - this.unsentSize > keptBytes) {
      this.drop();
    }
  }

  private drop(): void {
    const first = this.kept.shift();
    this.keptSize -= first?.text.length ?? 0;
  }
}
