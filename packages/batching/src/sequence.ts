import { Generation } from './generation';
import { nextRun } from './next-run';
import { type BatchRequest, type Limits, PRIORITY_RANK, PRIORITY_WEIGHT, promptLength } from './request';
import type { Drafting } from './speculation/speculator';
import { type ExpertFalls, NO_FALLS, type StepItem } from './step-backend';

/**
 * - `waiting` for a place in the batch: new, preempted, or back from being parked
 * - `running` in the batch
 * - `parked` its consumer has not taken enough; holds its KV until someone else needs it
 * - `away` one of its experts cannot be had; holds its KV until someone else needs it, and is tried again
 * - `ended` only its handle may be left to free
 */
export type SequenceState = 'waiting' | 'running' | 'parked' | 'away' | 'ended';

/** One request on its way. Its tokens are the prompt's positions followed by the sampled tokens. */
export class Sequence {
  state: SequenceState = 'waiting';
  /** The backend's handle, null before the first admission. */
  handle: number | null = null;
  /** Leading positions whose KV is computed. */
  computed = 0;
  /** Highest stage that any of that KV may have been computed with, -1 for none. */
  kvStage = -1;
  /** The stage it was admitted with, null before that. */
  firstStage: number | null = null;
  /** Its KV came from a stage that was dropped: what a running step gives is thrown away, and it begins anew. */
  lost = false;
  /** Prompt tokens that the prefix cache gave at the first admission. */
  cachedTokens = 0;
  started = false;
  parkedAtUs = 0;
  /** Steps in a row for which an expert was missing. */
  misses = 0;
  /** When one that is `away` is tried again. */
  retryAtUs = 0;
  expertFalls: Readonly<ExpertFalls> = NO_FALLS;
  readonly sampled: number[];
  /** What is known of its drafts; null before the first token. */
  drafting: Drafting | null = null;
  readonly promptLength: number;
  readonly weight: number;

  constructor(
    /** Position in the order of submission. */
    readonly order: number,
    readonly request: BatchRequest,
    readonly maxTokens: number,
    readonly submittedUs: number,
    readonly generation: Generation,
  ) {
    this.promptLength = promptLength(request.prompt);
    this.sampled = [...(request.sampled ?? [])];
    this.weight = PRIORITY_WEIGHT[request.priority];
  }

  get length(): number {
    return this.promptLength + this.sampled.length;
  }

  /** Positions to compute before the next token can be sampled; 1 for a sequence that decodes. */
  get pending(): number {
    return this.length - this.computed;
  }

  get decoding(): boolean {
    return this.pending === 1 && this.sampled.length > 0;
  }

  /**
   * Its stage was dropped: tokens that nobody has taken yet are taken back with it, for what follows the first bad
   * one is bad too.
   */
  lose(stage: number): void {
    this.lost = true;
    const taken = this.generation.retract(stage);
    this.sampled.length -= taken;
    // What is known of its drafts includes those tokens.
    if (taken > 0) this.drafting = null;
  }

  /** Waits to be computed anew with another handle; what it has sampled stays. */
  restart(): void {
    this.handle = null;
    this.computed = 0;
    this.kvStage = -1;
    this.lost = false;
    // Parked ones too: there may be nothing left for the consumer to take.
    this.state = 'waiting';
  }

  /** Holds KV that it does not use for now. */
  get idle(): boolean {
    return this.state === 'parked' || this.state === 'away';
  }

  /** Priority with age: 0 to 2. */
  rank(nowUs: number, limits: Limits): number {
    const aged = Math.floor((nowUs - this.submittedUs) / limits.ageingUs);
    return Math.min(PRIORITY_RANK.interactive, PRIORITY_RANK[this.request.priority] + aged);
  }

  /** The leading tokens, which other sequences may share: all so far, or those before the first row of embeddings. */
  leadingTokens(): Int32Array {
    const { prompt } = this.request;
    if (prompt.kind === 'embeddings') return new Int32Array(0);
    return this.tokenRange(0, prompt.kind === 'mixed' ? (prompt.rowAt[0] as number) : this.length);
  }

  /** The next `count` positions as one item, or fewer where embeddings and tokens meet. */
  item(count: number, stage: number, handle: number): StepItem {
    const { prompt, expertFloor = 'standIn' } = this.request;
    const { end, embeddings } = nextRun(prompt, this.computed, this.computed + count);
    const tokens = embeddings === null ? this.tokenRange(this.computed, end) : new Int32Array(0);
    const sample = end === this.length;
    return { sequence: handle, tokens, embeddings, stage, sample, draft: null, expertFloor };
  }

  private tokenRange(start: number, end: number): Int32Array {
    const { prompt } = this.request;
    const range = new Int32Array(end - start);
    if (prompt.kind !== 'embeddings' && start < this.promptLength) {
      range.set(prompt.tokens.subarray(start, Math.min(end, this.promptLength)));
    }
    for (let i = Math.max(start, this.promptLength); i < end; i++) {
      range[i - start] = this.sampled[i - this.promptLength] as number;
    }
    return range;
  }
}

/** Who goes first: higher rank, then the older request. */
export function ranked(sequences: Iterable<Sequence>, nowUs: number, limits: Limits): Sequence[] {
  return [...sequences].sort((a, b) => b.rank(nowUs, limits) - a.rank(nowUs, limits) || a.order - b.order);
}
