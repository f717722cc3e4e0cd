import { setTimeout as sleep } from 'node:timers/promises';
import {
  type FetchChunk,
  type FetchStrategy,
  type LadderConfig,
  mostRequests,
  type PlannedStage,
  planFetch,
  STAGES,
} from '@zen/ladder';
import type { StageFile } from '../cache/stage-file';
import { RangesIgnored } from '../store/artifact-store';
import { RequestLimit } from './request-limit';
import type { Transfer } from './transfer';

/** How often use and limits are looked at when nothing else happens. */
const LOOK_MS = 1000;
const FIRST_REQUESTS: Record<FetchStrategy, number> = { aggressive: 4, balanced: 2, conservative: 1 };

export interface FetcherOptions {
  strategy: FetchStrategy;
  /** See DownloadOptions. */
  use: (() => readonly number[]) | null;
  /** A chunk was verified and written, or a stage became complete. */
  arrived: (bytes: number) => void;
}

/** Fetches what is wanted and missing, best chunk first. Only the holder of the artifact's lock runs one. */
export class StageFetcher {
  /** Requests under way, by what they fetch. */
  private readonly active = new Map<string, Promise<void>>();
  /** Stages being checked as a whole; that takes no request. */
  private readonly publishing = new Map<number, Promise<void>>();
  private readonly limit: RequestLimit;
  private use: readonly number[] = [];
  private plan: PlannedStage[] | null = null;

  constructor(
    private readonly config: LadderConfig,
    private readonly files: readonly StageFile[],
    private readonly transfer: Transfer,
    private readonly options: FetcherOptions,
  ) {
    const { strategy } = options;
    this.limit = new RequestLimit(
      FIRST_REQUESTS[strategy],
      mostRequests(strategy, 'serve'),
      performance.now(),
    );
    transfer.onBytes = (bytes) => this.limit.record(bytes, transfer.inFlight, performance.now());
    transfer.onOverload = () => this.limit.halve(performance.now());
  }

  /** Ends when nothing is missing, or when the strategy lets what is missing wait. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    try {
      for (const file of this.files) {
        await file.resume();
        this.publishIfFull(file, inner);
      }
      while (this.files.some((file) => !file.satisfied)) {
        inner.throwIfAborted();
        while (this.startNext(inner));
        if (this.active.size + this.publishing.size === 0) return;
        await this.somethingHappens(inner);
      }
    } finally {
      stop.abort();
      await Promise.allSettled([...this.active.values(), ...this.publishing.values()]);
      for (const file of this.files) await file.suspend();
    }
  }

  /** Ends at the latest after LOOK_MS; rejects as soon as any work fails for good. */
  private async somethingHappens(signal: AbortSignal): Promise<void> {
    const timer = new AbortController();
    const ends = AbortSignal.any([signal, timer.signal]);
    const look = sleep(LOOK_MS, undefined, { signal: ends }).catch(() => signal.throwIfAborted());
    try {
      await Promise.race([look, ...this.active.values(), ...this.publishing.values()]);
    } finally {
      timer.abort();
    }
  }

  /** Starts the best piece of work that the limits allow, if any. */
  private startNext(signal: AbortSignal): boolean {
    for (const { stage, urgency, chunks } of this.currentPlan()) {
      const file = this.files[stage]!;
      if (file.satisfied || this.publishing.has(stage)) continue;
      const most = Math.min(this.limit.value, mostRequests(this.options.strategy, urgency));
      if (this.transfer.ignoresRanges) {
        if (most === 0 || this.active.size > 0) return false;
        this.start(this.active, `${stage}`, this.fetchWhole(file, signal));
        return true;
      }
      const next = chunks.find(
        ({ chunk }) => file.wants(chunk) && !file.has(chunk) && !this.active.has(`${stage}:${chunk}`),
      );
      // What is left of this stage is under way: the next stage may use the rest of the link.
      if (next === undefined) continue;
      if (this.active.size >= most) return false;
      this.start(this.active, `${stage}:${next.chunk}`, this.fetchChunk(file, next, signal));
      return true;
    }
    return false;
  }

  private start<K>(under: Map<K, Promise<void>>, name: K, work: Promise<void>): void {
    const tracked = work.finally(() => under.delete(name));
    // Its failure reaches `run` through the race; one that comes while nobody looks must not end the process.
    tracked.catch(() => {});
    under.set(name, tracked);
  }

  private currentPlan(): PlannedStage[] {
    const use = this.options.use?.() ?? new Array<number>(STAGES).fill(1);
    if (this.plan === null || use.some((share, stage) => share !== this.use[stage])) {
      this.use = [...use];
      this.plan = planFetch(this.config, use);
    }
    return this.plan;
  }

  private async fetchChunk(file: StageFile, { chunk }: FetchChunk, signal: AbortSignal): Promise<void> {
    try {
      if (await file.recall(chunk)) {
        this.options.arrived(0);
      } else {
        const data = await this.transfer.chunk(file.layer, chunk, signal);
        await file.write(chunk, data);
        this.options.arrived(data.length);
      }
    } catch (error) {
      // Known now; the next round asks for whole blobs.
      if (error instanceof RangesIgnored) return;
      throw error;
    }
    this.publishIfFull(file, signal);
  }

  private async fetchWhole(file: StageFile, signal: AbortSignal): Promise<void> {
    const missing = (chunk: number) => file.wants(chunk) && !file.has(chunk);
    for (const chunk of file.layer.chunks.keys()) {
      signal.throwIfAborted();
      if (missing(chunk)) await file.recall(chunk);
    }
    await this.transfer.whole(
      file.layer,
      missing,
      async (chunk, data) => {
        await file.write(chunk, data);
        this.options.arrived(data.length);
      },
      signal,
    );
    this.publishIfFull(file, signal);
  }

  /** Checks a stage as a whole and gives it its name; whoever waits for that does so in `somethingHappens`. */
  private publishIfFull(file: StageFile, signal: AbortSignal): void {
    const { stage } = file.layer;
    if (file.complete || !file.full || this.publishing.has(stage)) return;
    const work = file.publish(signal).then(() => this.options.arrived(0));
    this.start(this.publishing, stage, work);
  }
}
