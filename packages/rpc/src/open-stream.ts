import type { ClientDuplexStream } from '@grpc/grpc-js';
import { RpcError } from './rpc-error';

/** What a caller hears of a stream both ways. Called from the wire itself: no promise and no turn in between. */
export interface StreamListener<Res> {
  message(message: Res): void;
  /** Once, after the last message: null where the server has ended it well. */
  ended(error: RpcError | null): void;
}

/** A caller's half of a stream both ways. After its end all of these do nothing. */
export interface OpenStream<Req> {
  /**
   * Sends a complete message; its bytes must stay as they are until it has left, which its answer shows. False where
   * more waits than the server takes at the moment: the message is kept all the same, and `drained` says when to go on.
   */
  send(message: Req): boolean;
  /** Resolves when messages leave at once again, or the stream has ended. */
  drained(): Promise<void>;
  /** Nothing is heard from here on but what is on its way into `message`: the server waits, but for what the wire holds. */
  pause(): void;
  /** Goes on hearing. */
  resume(): void;
  /** No further messages; the server's still come. */
  end(): void;
  cancel(): void;
}

export function openStream(
  call: ClientDuplexStream<object, object>,
  listener: StreamListener<object>,
  signal: AbortSignal | undefined,
): OpenStream<object> {
  let over = false;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const one of waiting) one();
    waiting.clear();
  };
  const abort = () => call.cancel();
  const ended = (error: RpcError | null) => {
    if (over) return;
    over = true;
    signal?.removeEventListener('abort', abort);
    wake();
    listener.ended(error);
  };
  call.on('data', (message) => {
    if (!over) listener.message(message);
  });
  call.on('error', (error) => ended(RpcError.from(error)));
  // After the last message, where there was no error.
  call.on('end', () => ended(null));
  call.on('drain', wake);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  return {
    send: (message) => over || call.write(message),
    drained: () =>
      new Promise((resolve) => {
        if (over || !call.writableNeedDrain) resolve();
        else waiting.add(resolve);
      }),
    pause: () => {
      call.pause();
    },
    resume: () => {
      call.resume();
    },
    end: () => {
      if (!over) call.end();
    },
    cancel: abort,
  };
}
