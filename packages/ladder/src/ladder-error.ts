/** What can go wrong with a ladder; closed, so that services can translate it completely. */
export const LADDER_FAILURES = [
  /** The artifact breaks the format; the message names field and limit. */
  'invalid',
  /** Bytes do not match their hash. */
  'corrupt',
  'not-found',
  'disk-full',
  /** The source cannot become a ladder. */
  'unsupported',
  'io',
] as const;
export type LadderFailure = (typeof LADDER_FAILURES)[number];

export class LadderError extends Error {
  override readonly name = 'LadderError';
  constructor(
    readonly failure: LadderFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Translates an error of the file system. */
  static fromIo(error: unknown, path: string): LadderError {
    if (error instanceof LadderError) return error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      return new LadderError('disk-full', `${path}: the disk is full`, { cause: error });
    }
    if (code === 'ENOENT') return new LadderError('not-found', `${path}: not found`, { cause: error });
    return new LadderError('io', `${path}: ${(error as Error).message}`, { cause: error });
  }
}
