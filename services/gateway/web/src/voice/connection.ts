import type { ClientEvent, ServerEvent } from './realtime-events';
import { SentBook } from './sent-book';

/** Half a minute of sound and what else is sent meanwhile. */
const KEPT_UNITS = 2 ** 21;
/** Refused so often in a row by a server that is there, a session is not there any more. */
const REFUSALS = 2;
/** Before each attempt to come back, milliseconds; the server waits as long for its client. */
const WAITS_MS = [0, 500, 1000, 2000, 4000, 8000, 8000];

export interface ConnectionEvents {
  /** A session begins: nothing of one before it is known to the server. */
  onBegin(): void;
  /** The session goes on where it was. */
  onResumed(): void;
  onEvent(event: ServerEvent): void;
  /** It is being tried to come back. */
  onLost(): void;
  /** It cannot be reached, or refused; `opened`: it could be at first. */
  onGone(opened: boolean): void;
}

interface Resumption {
  token: string;
  /** The last event that came. */
  after: string;
}

/**
 * A session over as many WebSockets as it takes: one that drops is taken up where it was, and where the server knows
 * of no such session any more, another one is begun.
 */
export class Connection {
  private socket: WebSocket | null = null;
  private book = new SentBook(KEPT_UNITS);
  private resumption: Resumption | null = null;
  private attempts = 0;
  private refusals = 0;
  private opened = false;
  private timer: number | undefined;
  private closed = false;
  private ready = false;

  constructor(
    private readonly model: string,
    private readonly key: string,
    private readonly events: ConnectionEvents,
    /** Whether the server answers at all: a browser does not say why a WebSocket did not open. */
    private readonly isServerThere: () => Promise<boolean>,
  ) {
    this.open();
  }

  send(event: ClientEvent): void {
    const message = JSON.stringify(event);
    this.book.add(message);
    if (this.ready) this.socket?.send(message);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close(1000);
  }

  private open(): void {
    const { resumption } = this;
    const query = new URLSearchParams({ model: this.model });
    if (resumption) {
      query.set('resume', resumption.token);
      query.set('after', resumption.after);
    }
    const address = new URL(`/v1/realtime?${query}`, location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    // A browser can set no header here, so the key stands among the protocols.
    const protocols = ['realtime', ...(this.key === '' ? [] : [`openai-insecure-api-key.${this.key}`])];
    const socket = new WebSocket(address, protocols);
    this.socket = socket;
    let accepted = false;
    socket.onopen = () => {
      accepted = true;
      this.opened = true;
      this.attempts = 0;
      this.refusals = 0;
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.socket) this.message(JSON.parse(data));
    };
    socket.onclose = () => {
      if (socket === this.socket) this.dropped(accepted);
    };
  }

  private message(event: ServerEvent): void {
    if (event.type === 'x-zen.session.resumed') {
      this.resumed(event.received);
      return;
    }
    if (event.type === 'session.created') this.begin(event.session['x-zen']?.resume_token);
    if (this.resumption && event.event_id) this.resumption.after = event.event_id;
    this.events.onEvent(event);
  }

  private begin(token: string | undefined): void {
    this.book = new SentBook(KEPT_UNITS);
    this.resumption = token === undefined ? null : { token, after: '' };
    this.ready = true;
    this.events.onBegin();
  }

  private resumed(received: number): void {
    const missing = this.book.after(received);
    if (!missing) {
      // Too much was said meanwhile: this session has a hole.
      this.resumption = null;
      this.socket?.close(1000);
      return;
    }
    for (const message of missing) this.socket?.send(message);
    this.ready = true;
    this.events.onResumed();
  }

  private dropped(accepted: boolean): void {
    this.ready = false;
    if (this.closed) return;
    const waitMs = this.opened ? WAITS_MS[this.attempts++] : undefined;
    if (waitMs === undefined) {
      this.events.onGone(this.opened);
      return;
    }
    this.events.onLost();
    if (!accepted && this.resumption) void this.doubt(this.resumption);
    this.timer = window.setTimeout(() => this.open(), waitMs);
  }

  /** A network that is away is no reason to forget a session, and a server that refuses it is one. */
  private async doubt(resumption: Resumption): Promise<void> {
    if (!(await this.isServerThere()) || this.resumption !== resumption || this.ready) return;
    this.refusals += 1;
    if (this.refusals >= REFUSALS) this.resumption = null;
  }
}
