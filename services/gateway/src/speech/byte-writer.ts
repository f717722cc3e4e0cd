import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { GatewayError } from '../gateway-error';

function gone(): GatewayError {
  return new GatewayError('cancelled', 'the caller is gone');
}

/** Writes bytes as they come; a reader that takes nothing for `stallMs` is cut off. @throws GatewayError cancelled once it is gone */
export async function writeBytes(
  response: ServerResponse,
  bytes: AsyncIterable<Uint8Array>,
  stallMs: number,
): Promise<void> {
  for await (const piece of bytes) {
    if (response.destroyed) throw gone();
    if (response.write(piece)) continue;
    const timer = setTimeout(() => response.destroy(), stallMs);
    const closed = new AbortController();
    const close = () => closed.abort();
    response.once('close', close);
    try {
      await once(response, 'drain', { signal: closed.signal });
    } catch {
      throw gone();
    } finally {
      clearTimeout(timer);
      response.off('close', close);
    }
  }
}
