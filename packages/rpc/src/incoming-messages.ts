import type { ServerDuplexStream, ServerReadableStream } from '@grpc/grpc-js';
import { RpcError } from './rpc-error';

type Readable = ServerReadableStream<object, object> | ServerDuplexStream<object, object>;

/**
 * The messages of a client's stream as they come; the next is asked of the wire when it is asked for here. Throws the
 * signal's reason where the call is ended first. Leaving it leaves the call open, for its answer or its error.
 *
 * That it ends does not say that it is whole: Node's HTTP/2 ends a stream before it resets it, so one that was cancelled
 * can end like any other. Messages have to say themselves how many bytes there are.
 */
export async function* incomingMessages(call: Readable, signal: AbortSignal): AsyncGenerator<object> {
  let wake = () => {};
  const moved = () => wake();
  const events = call as NodeJS.EventEmitter;
  // A cancelled call is destroyed with an error, which the signal tells, too.
  for (const event of ['readable', 'end', 'close', 'error']) events.on(event, moved);
  signal.addEventListener('abort', moved, { once: true });
  for (;;) {
    const next = new Promise<void>((resolve) => {
      wake = resolve;
    });
    signal.throwIfAborted();
    const message = call.read();
    if (message !== null) yield message;
    else if (call.readableEnded) return;
    else if (call.destroyed) throw new RpcError('CANCELLED', 'the client cancelled the call');
    else await next;
  }
}
