import type { ServerResponse } from 'node:http';

/**
 * Server-sent events on a response. `send` returns a promise only when the reader is behind: whoever produces
 * waits for it, so a slow reader holds its own answer back and nothing else. One that takes nothing for
 * `stallMs` is cut off.
 */
export class SseWriter {
  constructor(
    private readonly response: ServerResponse,
    private readonly stallMs: number,
  ) {}

  open(headers: Record<string, string>): void {
    this.response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Proxies that buffer answers would hold the pieces back.
      'x-accel-buffering': 'no',
    });
  }

  /** Each text is the data of one event, on one line. */
  send(...events: string[]): Promise<void> | undefined {
    return this.sendUpTo(undefined, ...events);
  }

  /** The same; `id` is what a reader that has the last of these events names to go on after it. */
  sendUpTo(id: string | undefined, ...events: string[]): Promise<void> | undefined {
    let frames = '';
    const last = events.length - 1;
    events.forEach((data, i) => {
      frames += i === last && id !== undefined ? `id: ${id}\ndata: ${data}\n\n` : `data: ${data}\n\n`;
    });
    if (this.response.destroyed || this.response.write(frames)) return undefined;
    return this.drained();
  }

  end(last?: string, id?: string): void {
    if (last !== undefined) this.sendUpTo(id, last);
    this.response.end();
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.response.off('drain', done);
        this.response.off('close', done);
        resolve();
      };
      const timer = setTimeout(() => this.response.destroy(), this.stallMs);
      this.response.once('drain', done);
      this.response.once('close', done);
    });
  }
}
