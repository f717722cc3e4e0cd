import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Writes bytes as they come; a reader that takes nothing for `stallMs` is cut off. Rejects once it is gone. */
export async function writeBytes(
  response: ServerResponse,
  bytes: AsyncIterable<Uint8Array>,
  stallMs: number,
): Promise<void> {
  for await (const piece of bytes) {
    if (response.destroyed) throw new Error('the reader is gone');
    if (response.write(piece)) continue;
    const timer = setTimeout(() => response.destroy(), stallMs);
    const gone = new AbortController();
    const close = () => gone.abort();
    response.once('close', close);
    try {
      await once(response, 'drain', { signal: gone.signal });
    } finally {
      clearTimeout(timer);
      response.off('close', close);
    }
  }
}
