import { readFileSync } from 'node:fs';
import { ServiceTokenError } from './service-token-error';

/** Bytes; the hash behind the signature has 32. */
export const MIN_KEY_BYTES = 32;
const MAX_KEY_BYTES = 4096;

/**
 * The shared secret in a file, 32 to 4,096 bytes. Line ends at its end do not count: editors and `echo` leave them, and
 * every service has to read the same key. Throws a ServiceTokenError that names the file.
 */
export function readServiceKey(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ServiceTokenError('bad-key', `${path}: cannot be read (${code})`, { cause });
  }
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
  if (end < MIN_KEY_BYTES || end > MAX_KEY_BYTES) {
    throw new ServiceTokenError(
      'bad-key',
      `${path}: ${end} bytes, must be ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES}`,
    );
  }
  return bytes.subarray(0, end);
}
