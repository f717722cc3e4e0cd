import type { ReportLoadRequest } from '@zen/contracts';
import type { LoadWindow } from '@zen/placement';
import { RpcError } from '@zen/rpc';
import type { Artifact } from '../placing/members';
import { invalid, otherArtifact } from '../router-error';

const MAX_NAME = 128;
const MAX_INTERVAL_MS = 3_600_000;

/** Counts a thinker's report. Throws an RpcError for one that is not of what is placed, or not well formed. */
export function takeReport(
  request: ReportLoadRequest,
  artifact: Artifact | null,
  window: LoadWindow | null,
  nowMs: number,
): void {
  const { thinker, artifactDigest, intervalMs, tokens } = request;
  if (thinker.length < 1 || thinker.length > MAX_NAME) {
    throw invalid('thinker', `${thinker.length} characters, 1 to ${MAX_NAME} are allowed`);
  }
  if (intervalMs < 1 || intervalMs > MAX_INTERVAL_MS) {
    throw invalid('interval_ms', `${intervalMs} is not within 1 to ${MAX_INTERVAL_MS}`);
  }
  if (!artifact || !window) throw new RpcError('UNAVAILABLE', 'no expert pod has been heard of yet');
  if (artifactDigest !== artifact.digest) throw otherArtifact(artifactDigest, artifact.digest);
  const cells = artifact.layers * artifact.experts;
  if (tokens.length !== cells) {
    throw invalid(
      'tokens',
      `${tokens.length} numbers, ${artifact.layers} layers of ${artifact.experts} experts have ${cells}`,
    );
  }
  window.add(tokens, nowMs);
}
