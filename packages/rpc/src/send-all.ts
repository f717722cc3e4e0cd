import type { ClientWritableStream } from '@grpc/grpc-js';

/** Sends messages as fast as the other side takes them, then says that these were all; stops once it is answered. */
export async function sendAll(
  call: ClientWritableStream<object>,
  messages: AsyncIterable<object> | Iterable<object>,
  complete: (message: object) => object,
  answered: AbortSignal,
): Promise<void> {
  // What a write fails of is the call's status, too.
  call.on('error', () => {});
  for await (const message of messages) {
    if (answered.aborted) return;
    if (!call.write(complete(message))) await drained(call, answered);
    if (answered.aborted) return;
  }
  call.end();
}

function drained(call: ClientWritableStream<object>, answered: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      answered.removeEventListener('abort', done);
      resolve();
    };
    call.on('drain', done);
    answered.addEventListener('abort', done, { once: true });
    if (answered.aborted) done();
  });
}
