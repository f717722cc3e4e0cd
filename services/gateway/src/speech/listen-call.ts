import { ListenRequest, type ListenResponse, type ListenStart } from '@zen/contracts';
import type { OpenStream, RpcError } from '@zen/rpc';
import type { TalkerClient } from './talker-client';

const MESSAGE_BYTES = 64 * 1024;

/** One Listen call whose audio is all there. Yields what is heard; throws the RpcError that ended it. */
export async function* listenTo(
  client: Pick<TalkerClient['transcriber'], 'listen'>,
  start: ListenStart,
  audio: Buffer,
  signal: AbortSignal,
): AsyncGenerator<ListenResponse> {
  const waiting: ListenResponse[] = [];
  let over = false;
  let fault: RpcError | null = null;
  let wake = () => {};
  const stream: OpenStream<ListenRequest> = client.listen(
    {
      message: (message) => {
        waiting.push(message);
        wake();
      },
      ended: (error) => {
        over = true;
        fault = error;
        wake();
      },
    },
    { signal },
  );
  const send = (message: NonNullable<ListenRequest['message']>) =>
    stream.send(ListenRequest.fromPartial({ message }));
  const sending = (async () => {
    send({ $case: 'start', value: start });
    for (let at = 0; at < audio.length && !over; at += MESSAGE_BYTES) {
      if (!send({ $case: 'audio', value: audio.subarray(at, at + MESSAGE_BYTES) })) await stream.drained();
    }
    stream.end();
  })();
  try {
    for (;;) {
      const message = waiting.shift();
      if (message) yield message;
      else if (fault) throw fault;
      else if (over) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    stream.cancel();
    await sending;
  }
}
