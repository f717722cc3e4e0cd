/**
 * The data of each server-sent event of a body. The gateway writes one `data:` line per event; anything else is
 * passed over. Leaving the loop early ends the connection.
 */
export async function* sseData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        return;
      }
      const frames = (rest + decoder.decode(value, { stream: true })).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        const data = frame.split('\n').find((line) => line.startsWith('data: '));
        if (data !== undefined) yield data.slice('data: '.length);
      }
    }
  } finally {
    if (!ended) await reader.cancel().catch(ignoreClosed);
  }
}

/** A connection that broke cannot be closed any more; whoever reads has been told by `read`. */
function ignoreClosed(): void {}
