import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';

export interface Event {
  type: string;
  event_id: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of many kinds
  [field: string]: any;
}

/** A client that takes down every event of its session. */
export class RealtimeClient {
  readonly events: Event[] = [];
  closed: { code: number; reason: string } | null = null;
  private looked = 0;
  private wake = () => {};

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      this.events.push(JSON.parse(data.toString('utf8')));
      this.wake();
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString('utf8') };
      this.wake();
    });
    socket.on('error', () => {});
  }

  /** Resolves when the connection is open; rejects with the status of a refusal. */
  static async open(
    url: string,
    query: string,
    { protocols = ['realtime'], ...options }: ClientOptions & { protocols?: string[] } = {},
  ): Promise<RealtimeClient> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/realtime?${query}`, protocols, options);
    const client = new RealtimeClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('unexpected-response', (_, response) => {
        response.setEncoding('utf8').once('data', (body: string) => {
          reject(new Refused(response.statusCode ?? 0, JSON.parse(body).error));
          socket.terminate();
        });
      });
    });
    return client;
  }

  send(event: object): void {
    this.socket.send(JSON.stringify(event));
  }

  /** The next event of this kind after the last one that was looked at. */
  async next(type: string): Promise<Event> {
    for (;;) {
      const at = this.events.findIndex((event, index) => index >= this.looked && event.type === type);
      if (at >= 0) {
        this.looked = at + 1;
        return this.events[at] as Event;
      }
      if (this.closed) throw new Error(`closed (${this.closed.code} ${this.closed.reason}) before ${type}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }

  say(text: string): void {
    this.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
    });
  }

  async gone(): Promise<{ code: number; reason: string }> {
    if (!this.closed) await once(this.socket, 'close');
    return this.closed as { code: number; reason: string };
  }

  close(): void {
    this.socket.close(1000);
  }
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly error: { code: string; message: string; param: string | null },
  ) {
    super(`${status} ${error.code}: ${error.message}`);
  }
}
