import { predict } from '@zen/quality';
import type { ReplicaLink } from '../fleet/replica-link';
import type { Traffic } from '../fleet/traffic';

/** A reader that held the answer up for more than this share of its time says nothing on the replica. */
const MAX_HELD = 0.2;

/** How fast one answer came, against what was to be expected of its replica while it came. */
export class Pace {
  private readonly firstAtMs: number;
  private readonly arrivalsAtFirst: number;
  private heldSinceMs = 0;
  private heldMs = 0;
  private pieces = 0;
  private sequences = 0;

  constructor(
    private readonly link: ReplicaLink,
    private readonly now: () => number,
  ) {
    this.firstAtMs = now();
    this.arrivalsAtFirst = link.arrivals.perSecond(this.firstAtMs);
  }

  /** A piece goes to the reader. */
  hand(): void {
    this.pieces++;
    this.sequences += this.link.sequences;
    this.heldSinceMs = this.now();
  }

  /** The reader wants the next one. */
  taken(): void {
    this.heldMs += this.now() - this.heldSinceMs;
  }

  /** Milliseconds per token, predicted for the mean batch of this answer and observed; undefined if it says nothing. */
  end(
    tokens: number,
    stage: number,
    { meanPromptTokens, meanAnswerTokens }: Traffic,
  ): { predictedMs: number; observedMs: number; atMs: number } | undefined {
    const atMs = this.now();
    const tookMs = atMs - this.firstAtMs;
    const load = this.link.view()?.load;
    if (!load || tokens < 2 || this.pieces === 0 || this.heldMs > MAX_HELD * tookMs) return undefined;
    const others = Math.max(0, this.sequences / this.pieces - 1);
    const arrivalsPerSecond = (this.arrivalsAtFirst + this.link.arrivals.perSecond(atMs)) / 2;
    const demand = { promptTokens: meanPromptTokens, meanAnswerTokens, arrivalsPerSecond };
    const predicted = predict({ ...load, running: others, waiting: 0 }, stage, demand);
    return predicted && { predictedMs: predicted.tpotMs, observedMs: tookMs / (tokens - 1), atMs };
  }
}
