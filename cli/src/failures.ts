import { DeltaError, type DeltaFailure } from '@zen/deltas';
import { DistributionError } from '@zen/distribution';
import { SourceError } from '@zen/importers';
import { LadderError } from '@zen/ladder';

/** The delta's own bytes are wrong, and not what it is used for. */
const DAMAGED_DELTA: readonly DeltaFailure[] = [
  'not-canonical',
  'padding',
  'truncated',
  'digest-mismatch',
  'non-finite',
];

/** The exit code that belongs to a failure; `zen --help` lists them. */
export function exitCode(error: unknown): number {
  const known =
    error instanceof LadderError || error instanceof SourceError || error instanceof DistributionError;
  const failure = known ? error.failure : null;
  if (error instanceof DeltaError && DAMAGED_DELTA.includes(error.failure)) return 3;
  if (failure === 'corrupt' || failure === 'wrong-hash' || failure === 'invalid') return 3;
  if (failure === 'disk-full') return 4;
  if (failure === 'cancelled' || (error instanceof Error && /^stopped by /.test(error.message))) return 130;
  return 1;
}

export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
