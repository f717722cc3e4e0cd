import { createHash } from 'node:crypto';

/** In hexadecimal digits. */
export const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');

/** The same off the event loop: a chunk takes milliseconds, in which a process that serves would answer nobody. */
export async function chunkHash(data: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', data as Uint8Array<ArrayBuffer>)).toString('hex');
}
