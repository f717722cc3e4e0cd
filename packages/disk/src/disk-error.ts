/**
 * - `disk-full` no room; what was written stays
 * - `not-found` there is no such file
 * - `file` any other file system error
 * - `locked` another process holds it and does not finish
 * - `cancelled` the caller's signal
 */
export type DiskFailure = 'disk-full' | 'not-found' | 'file' | 'locked' | 'cancelled';

/** The one error class of this package. */
export class DiskError extends Error {
  override readonly name = 'DiskError';

  constructor(
    readonly failure: DiskFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Translates an error of `node:fs` on `path`; a DiskError passes through. */
  static from(error: unknown, path: string): DiskError {
    if (error instanceof DiskError) return error;
    const code = (error as NodeJS.ErrnoException | null)?.code;
    const detail = error instanceof Error ? error.message : String(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      const message = `no space left for ${path}; free some and run again to resume`;
      return new DiskError('disk-full', message, { cause: error });
    }
    if (code === 'ENOENT') return new DiskError('not-found', `${path} does not exist`, { cause: error });
    return new DiskError('file', `${path}: ${detail}`, { cause: error });
  }
}
