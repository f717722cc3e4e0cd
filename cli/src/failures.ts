import { DistributionError } from '@zen/distribution';
import { SourceError } from '@zen/importers';
import { LadderError } from '@zen/ladder';

/** The exit code that belongs to a failure; `zen --help` lists them. */
export function exitCode(error: unknown): number {
  const known =
    error instanceof LadderError || error instanceof SourceError || error instanceof DistributionError;
  const failure = known ? error.failure : null;
  if (failure === 'corrupt' || failure === 'wrong-hash' || failure === 'invalid') return 3;
  if (failure === 'disk-full') return 4;
  if (failure === 'cancelled' || (error instanceof Error && /^stopped by /.test(error.message))) return 130;
  return 1;
}

export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
