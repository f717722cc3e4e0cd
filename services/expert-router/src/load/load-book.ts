import type { ReportLoadRequest } from '@zen/contracts';
import { LoadWindow } from '@zen/placement';
import type { Artifact } from '../placing/members';
import { invalid, otherArtifact } from '../router-error';

const MAX_NAME = 128;
const MAX_INTERVAL_MS = 3_600_000;
/** Names that are kept to count who reports; further ones are counted in, without being counted. */
const MAX_THINKERS = 10_000;

/** What thinkers said of one artifact's experts lately. */
export class LoadBook {
  private readonly window: LoadWindow;
  private readonly reportedMs = new Map<string, number>();

  constructor(
    private readonly artifact: Artifact,
    private readonly spanMs: number,
  ) {
    this.window = new LoadWindow(artifact.layers * artifact.experts, spanMs);
  }

  /** Counts a report. Throws an RpcError for one that is not of this artifact, or not well formed. */
  take({ thinker, artifactDigest, intervalMs, tokens }: ReportLoadRequest, nowMs: number): void {
    const { digest, layers, experts } = this.artifact;
    if (artifactDigest !== digest) throw otherArtifact(artifactDigest, digest);
    if (thinker.length < 1 || thinker.length > MAX_NAME) {
      throw invalid('thinker', `${thinker.length} characters, 1 to ${MAX_NAME} are allowed`);
    }
    if (intervalMs < 1 || intervalMs > MAX_INTERVAL_MS) {
      throw invalid('interval_ms', `${intervalMs} is not within 1 to ${MAX_INTERVAL_MS}`);
    }
    if (tokens.length !== layers * experts) {
      throw invalid(
        'tokens',
        `${tokens.length} numbers, ${layers} layers of ${experts} experts have ${layers * experts}`,
      );
    }
    this.window.add(tokens, nowMs);
    this.reportedMs.delete(thinker);
    if (this.reportedMs.size < MAX_THINKERS) this.reportedMs.set(thinker, nowMs);
  }

  /** Tokens of the window, [layers][experts]. */
  tokens(nowMs: number): Float64Array {
    this.window.advance(nowMs);
    return this.window.tokens;
  }

  /** Thinkers that reported within the window. */
  thinkers(nowMs: number): number {
    // By the time of the last report, the oldest first.
    for (const [thinker, atMs] of this.reportedMs) {
      if (nowMs - atMs < this.spanMs) break;
      this.reportedMs.delete(thinker);
    }
    return this.reportedMs.size;
  }
}
