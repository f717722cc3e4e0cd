import { existsSync } from 'node:fs';
import { MappedStage, Scrubber, type StagedLadder } from '@zen/distribution';
import type { NativeExperts } from '@zen/engine';
import { chunkExperts, expertNeed } from '@zen/ladder';
import { pause } from '@zen/pause';
import { type Cell, HeldExperts } from './held-experts';

export type ExpertLadder = Pick<
  StagedLadder,
  'config' | 'manifest' | 'want' | 'wanted' | 'satisfied' | 'run' | 'stage' | 'repair'
>;

export interface HoldingEvents {
  /** Experts of a layer answer at this stage now. */
  held(layer: number, experts: number, stage: number): void;
  /** Bytes on the disk are bad: these experts are let go until they have come again. */
  rotten(stage: number, chunk: number, experts: number): void;
  /** It is tried again. */
  failed(what: string, error: unknown): void;
}

export interface HoldingOptions {
  /** Highest stage that the experts shall have. */
  stage: number;
  /** Milliseconds for which what is left out still answers. */
  dropMs: number;
  scrubRate: number;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** Brings what is assigned from the ladder into the engine, stage by stage, and watches over its bytes. */
export class Holding {
  readonly experts: HeldExperts;
  /** Chunks that turned out bad since the start. */
  corruptChunks = 0;
  /** Why something that shall be held is not, by what failed. */
  private readonly faults = new Map<string, string>();
  private readonly mapped: MappedStage[] = [];
  /** Chunks that must come again, by stage. */
  private readonly bad = new Map<number, Set<number>>();
  /** Aborted whenever what is to be done has changed. */
  private ground = new AbortController();
  private readonly timers = new Map<Cell, NodeJS.Timeout>();

  constructor(
    private readonly ladder: ExpertLadder,
    private readonly engine: NativeExperts,
    private readonly options: HoldingOptions,
    private readonly events: HoldingEvents,
  ) {
    const { layers, experts } = ladder.config.model;
    this.experts = new HeldExperts(layers, experts?.count ?? 0, options.stage);
    this.want();
  }

  /** What keeps it from holding what it shall; empty where nothing does. */
  get reason(): string {
    return [...this.faults].map(([what, why]) => `${what}: ${why}`).join('; ');
  }

  assign(version: bigint, assigned: Uint8Array): void {
    const { dropped, changed } = this.experts.assign(version, assigned);
    for (const [cell, timer] of this.timers) {
      if (this.experts.leaving.has(cell)) continue;
      clearTimeout(timer);
      this.timers.delete(cell);
    }
    for (const cell of dropped) {
      this.timers.set(
        cell,
        setTimeout(() => this.drop(cell), this.options.dropMs),
      );
    }
    if (!changed) return;
    this.want();
    this.change();
  }

  /** Until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    const scrubber = new Scrubber({
      bytesPerSecond: this.options.scrubRate,
      files: () => this.mapped,
      found: (file, chunk) => this.rotten(file, chunk),
    });
    await Promise.all([
      // It hears of what is wanted while it runs.
      this.repeat('fetching', signal, () => this.ladder.run(signal)),
      this.repeat('holding', signal, (attempt) => this.climb(attempt)),
      scrubber.run(signal),
    ]);
    for (const timer of this.timers.values()) clearTimeout(timer);
    await Promise.all(this.mapped.splice(0).map((file) => file.close()));
  }

  /** Does a piece of work, and does it again when it failed, or when what is to be done has changed. */
  private async repeat(what: string, signal: AbortSignal, work: (attempt: AbortSignal) => Promise<void>) {
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      const attempt = AbortSignal.any([signal, this.ground.signal]);
      try {
        await work(attempt);
        this.faults.delete(what);
        retryMs = FIRST_RETRY_MS;
        await pause(Number.POSITIVE_INFINITY, attempt);
      } catch (error) {
        if (attempt.aborted) continue;
        this.faults.set(what, (error as Error).message);
        this.events.failed(what, error);
        await pause(retryMs, attempt);
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
      }
    }
  }

  /** All stages of everything that is assigned, the lowest first; what waits for good bytes is left out, and then thrown. */
  private async climb(attempt: AbortSignal): Promise<void> {
    const trouble = await this.mend(attempt).catch((error: unknown) => error as Error);
    attempt.throwIfAborted();
    const { layers, top } = this.experts;
    const except = this.badCells();
    const paths: string[] = [];
    try {
      await this.climbTo(top, layers, except, paths, attempt);
    } catch (error) {
      attempt.throwIfAborted();
      // A file with holes has been completed meanwhile, and has the blob's name now.
      if (paths.some((path) => !existsSync(path))) return this.climb(attempt);
      throw error;
    }
    if (trouble) throw trouble;
  }

  private async climbTo(
    top: number,
    layers: number,
    except: ReadonlySet<Cell>,
    paths: string[],
    attempt: AbortSignal,
  ): Promise<void> {
    for (let stage = 0; stage <= top; stage++) {
      paths.push(await this.ladder.stage(stage, attempt));
      // What came is what was wanted then: an expert that was assigned meanwhile may have holes for bytes.
      attempt.throwIfAborted();
      let opened = false;
      for (let layer = 0; layer < layers; layer++) {
        const lacking = this.experts.lacking(layer, stage, except);
        if (lacking.length === 0) continue;
        if (!opened) await this.watchOver(stage, paths[stage]!);
        opened = true;
        await this.hold(layer, lacking, stage, paths);
        attempt.throwIfAborted();
      }
    }
  }

  private async hold(layer: number, experts: Int32Array, stage: number, paths: string[]): Promise<void> {
    await this.engine.hold(layer, experts, paths);
    const bad = this.badCells();
    let held = 0;
    for (const expert of experts) {
      const cell = layer * this.experts.experts + expert;
      // Left out, or found bad, while the engine was at it.
      if (!this.experts.isAssigned(cell) || bad.has(cell)) this.release(cell);
      else {
        this.experts.set(cell, stage);
        held += 1;
      }
    }
    if (held > 0) this.events.held(layer, held, stage);
  }

  /** The scrubber looks from now on at what is wanted of this file. */
  private async watchOver(stage: number, path: string): Promise<void> {
    const layer = this.ladder.manifest.layers[stage]!;
    const file = await MappedStage.open(stage, path, layer, this.ladder.wanted(stage));
    for (const [index, other] of [...this.mapped.entries()].reverse()) {
      // After a repair of a whole blob there are two files: experts that were not touched have the old one mapped.
      if (other.stage !== stage || !(await other.isSameAs(file))) continue;
      this.mapped.splice(index, 1);
      await other.close();
    }
    this.mapped.push(file);
  }

  private rotten(file: MappedStage, chunk: number): void {
    const { stage } = file;
    this.corruptChunks += 1;
    file.leave(chunk);
    this.bad.set(stage, (this.bad.get(stage) ?? new Set()).add(chunk));
    let count = 0;
    for (const { layer, expert } of chunkExperts(this.ladder.config, stage, chunk)) {
      if (this.experts.stageOf(layer, expert) < stage) continue;
      this.release(layer * this.experts.experts + expert);
      count += 1;
    }
    this.events.rotten(stage, chunk, count);
    this.change();
  }

  /** Brings back what was bad. */
  private async mend(attempt: AbortSignal): Promise<undefined> {
    for (const [stage, chunks] of this.bad) {
      const before = chunks.size;
      const path = await this.ladder.stage(stage, attempt);
      const file = await MappedStage.open(stage, path, this.ladder.manifest.layers[stage]!, [...chunks]);
      let still: number[];
      try {
        // None: whoever damaged the file has put it right.
        still = await file.badChunks(attempt);
      } finally {
        await file.close();
      }
      if (still.length > 0) await this.ladder.repair(stage, still, attempt);
      // Others may have been found meanwhile.
      if (chunks.size === before) this.bad.delete(stage);
    }
  }

  /** Cells with bytes that must come again. */
  private badCells(): Set<Cell> {
    const cells = new Set<Cell>();
    for (const [stage, chunks] of this.bad) {
      for (const chunk of chunks) {
        for (const { layer, expert } of chunkExperts(this.ladder.config, stage, chunk)) {
          cells.add(layer * this.experts.experts + expert);
        }
      }
    }
    return cells;
  }

  /** Its grace is over. */
  private drop(cell: Cell): void {
    this.timers.delete(cell);
    if (!this.experts.leaving.has(cell)) return;
    this.release(cell);
    this.want();
    // Nothing is to be brought, but the fetching stops for what is no longer needed.
    this.change();
  }

  private release(cell: Cell): void {
    const { experts } = this.experts;
    this.engine.release(Math.floor(cell / experts), Int32Array.of(cell % experts));
    this.experts.set(cell, -1);
  }

  private want(): void {
    this.ladder.want(expertNeed(this.ladder.config.model, this.experts.needed(), -1));
  }

  private change(): void {
    this.ground.abort();
    this.ground = new AbortController();
  }
}
