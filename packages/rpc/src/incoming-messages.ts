import type { ServerDuplexStream, ServerReadableStream } from '@grpc/grpc-js';
import { RpcError } from './rpc-error';

type Readable = ServerReadableStream<object, object> | ServerDuplexStream<object, object>;

/**
 * The messages of a client's stream as they come; the next is asked of the wire when it is asked for here. Throws the
 * signal's reason where the call is ended first. Leaving it leaves the call open, for its answer or its error.
 */
export async function* incomingMessages(call: Readable, signal: AbortSignal): AsyncGenerator<object> {
  // A cancelled call is destroyed with an error, which the signal tells, too.
  call.on('error', () => {});
  for (;;) {
    signal.throwIfAborted();
    const message = call.read();
    if (message !== null) yield message;
    else if (call.readableEnded) return;
    else if (call.destroyed) throw new RpcError('CANCELLED', 'the client cancelled the call');
    else await moved(call, signal);
  }
}

function moved(call: Readable, signal: AbortSignal): Promise<void> {
  const events = ['readable', 'end', 'close', 'error'];
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) call.off(event, done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    for (const event of events) call.on(event, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
