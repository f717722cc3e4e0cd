import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CacheUse, lockFile, pruneCache, useFolder } from '@zen/disk';
import { DEFAULT_RETRY } from '@zen/http';
import {
  type LadderConfig,
  type LadderManifest,
  mostRequests,
  neededChunks,
  openLadder,
  planFetch,
  STAGES,
  type TensorNeed,
} from '@zen/ladder';
import { isFolder, type KnownLadder } from '../cache/artifact-folder';
import { StageFile } from '../cache/stage-file';
import { DistributionError } from '../distribution-error';
import { parseStoreUri } from '../store/store-uri';
import { openOrigin } from './open-origin';
import { fetchChunks, repairBlob } from './repair-blob';
import { StageFetcher } from './stage-fetcher';
import type { DownloadOptions, DownloadProgress, StageArrival, StagedLadder } from './staged-ladder';
import { Transfer } from './transfer';

/** How often a process that does not fetch looks at what another one has brought. */
const LOOK_MS = 250;
/** How often a process that leaves the rest to others for now looks whether somebody wants it. */
const REST_MS = 1000;

/**
 * A ladder that arrives stage by stage in the node's shared cache. Of all processes that want it one at a time holds
 * the lock and fetches; the others see its stages appear and take over when it ends.
 */
export class LadderDownload implements StagedLadder {
  readonly folder: string;
  readonly config: LadderConfig;
  readonly configJson: string;
  readonly digest: string;
  readonly manifest: LadderManifest;
  private readonly files: StageFile[];
  private readonly closing = new AbortController();
  private readonly waiters = new Set<() => void>();
  private running: Promise<void> | null = null;
  private bytesKept = 0;
  private waitingForOther = false;

  private constructor(
    ladder: KnownLadder,
    private readonly options: DownloadOptions,
    /** Null for a local folder, which has nowhere to fetch from. */
    private readonly transfer: Transfer | null,
    /** The origin did not answer `open`: this is the ladder that its address last stood for. */
    readonly remembered: boolean,
    private readonly use: CacheUse,
  ) {
    ({ folder: this.folder, config: this.config, configJson: this.configJson } = ladder);
    this.manifest = ladder.manifest;
    this.digest = ladder.manifest.digest;
    this.files = ladder.manifest.layers.map((layer) => new StageFile(ladder.folder, layer));
  }

  /**
   * Fetches manifest and config and looks at what is already there; fetches no stage yet. A complete local folder is
   * used where it is. Until `close` nobody evicts it from the cache.
   */
  static async open(uri: string, options: DownloadOptions): Promise<LadderDownload> {
    let use: CacheUse | undefined;
    try {
      const place = parseStoreUri(uri);
      let download: LadderDownload;
      if (place.kind === 'folder') {
        if (!(await isFolder(place.path))) {
          throw new DistributionError('not-found', `${place.path} is not a folder`);
        }
        use = await useFolder(options.home, place.path);
        download = new LadderDownload(await openLadder(place.path), options, null, false, use);
      } else {
        const origin = await openOrigin(uri, options);
        use = origin.use;
        const retry = { ...DEFAULT_RETRY, attempts: Number.POSITIVE_INFINITY, ...options.retry };
        const transfer = new Transfer(origin.store, retry, options.bytesPerSecond);
        download = new LadderDownload(origin, options, transfer, origin.remembered, use);
      }
      for (const file of download.files) await file.refresh();
      if (options.need) download.want(options.need);
      if (download.transfer !== null) await download.makeRoom();
      return download;
    } catch (error) {
      await use?.release();
      throw DistributionError.from(error, options.signal);
    }
  }

  progress(): DownloadProgress {
    const { transfer } = this;
    return {
      stages: this.files.map((file) => {
        const { stage } = file.layer;
        const { bytesPresent } = file;
        const state: StageArrival = file.satisfied ? 'complete' : bytesPresent > 0 ? 'fetching' : 'absent';
        return { stage, bytes: file.bytesWanted, bytesPresent, state };
      }),
      bytesPerSecond: transfer?.rate.bytesPerSecond() ?? 0,
      requestsInFlight: transfer?.inFlight ?? 0,
      bytesReceived: transfer?.bytesReceived ?? 0,
      bytesKept: this.bytesKept,
      waitingForOther: this.waitingForOther,
      trouble: transfer?.trouble ?? null,
    };
  }

  want(need: TensorNeed | null): void {
    const chunks = need === null ? null : neededChunks(this.config, need);
    for (const [stage, file] of this.files.entries()) file.want(chunks?.[stage] ?? null);
    this.arrived(0);
  }

  wanted(stage: number): number[] {
    const file = this.file(stage);
    return [...file.layer.chunks.keys()].filter((chunk) => file.wants(chunk));
  }

  get satisfied(): boolean {
    return this.files.every((file) => file.satisfied);
  }

  /** See StagedLadder. Calls that overlap share one run. */
  run(signal: AbortSignal): Promise<void> {
    this.running ??= this.fetchAll(AbortSignal.any([signal, this.closing.signal])).finally(() => {
      this.running = null;
      this.waitingForOther = false;
    });
    return this.running;
  }

  async stage(stage: number, signal: AbortSignal): Promise<string> {
    const file = this.file(stage);
    const either = AbortSignal.any([signal, this.closing.signal]);
    try {
      if (!file.satisfied) await this.refresh(either);
      while (!file.satisfied) {
        await this.change(either);
        if (!file.satisfied) await this.refresh(either);
      }
      return await file.readable();
    } catch (error) {
      throw DistributionError.from(error, either);
    }
  }

  async repair(stage: number, chunks: readonly number[], signal: AbortSignal): Promise<string> {
    const file = this.file(stage);
    const count = file.layer.chunks.length;
    const here = (chunk: number) => Number.isInteger(chunk) && chunk >= 0 && chunk < count && file.has(chunk);
    if (!chunks.every(here)) {
      throw new DistributionError(
        'not-found',
        `stage ${stage}: not all of chunks ${chunks.join(', ')} are here`,
      );
    }
    const { transfer } = this;
    if (transfer === null) {
      throw new DistributionError('no-origin', `${file.path}: bad bytes, and a local folder has no origin`);
    }
    const either = AbortSignal.any([signal, this.closing.signal]);
    try {
      await file.refresh();
      if (file.complete) await this.repairWhole(file, transfer, either);
      else await this.repairPart(file, chunks, transfer, either);
      return await file.readable();
    } catch (error) {
      throw DistributionError.from(error, either);
    }
  }

  /** In a new file: maps of the old one keep their bytes. */
  private async repairWhole(file: StageFile, transfer: Transfer, signal: AbortSignal): Promise<void> {
    const scratch = join(this.folder, 'partial', `repair-${file.layer.stage}`);
    const lock = await lockFile(`${scratch}.lock`, { signal, waitMs: Number.POSITIVE_INFINITY });
    try {
      const inside = AbortSignal.any([signal, lock.lost]);
      const fetched = await repairBlob(file.path, scratch, file.layer, transfer, inside);
      if (fetched > 0) this.arrived(0);
    } finally {
      await lock.release();
    }
  }

  /** In its place: others may be writing the same file, and what they write there are the same bytes. */
  private async repairPart(
    file: StageFile,
    chunks: readonly number[],
    transfer: Transfer,
    signal: AbortSignal,
  ): Promise<void> {
    let there = true;
    const write = async (chunk: number, data: Uint8Array) => {
      there = (await file.mend(chunk, data)) && there;
    };
    await fetchChunks(file.layer, new Set(chunks), write, transfer, signal);
    await file.refresh();
    // It has become the blob under our hands.
    if (!there) await this.repairWhole(file, transfer, signal);
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('closed'));
    // Its outcome belongs to whoever called run().
    await this.running?.catch(() => undefined);
    await this.use.release();
  }

  /** Evicts what the cache has beyond its bytes once the rest of this one has come. */
  private async makeRoom(): Promise<void> {
    const { cacheBytes } = this.options;
    if (cacheBytes === undefined || cacheBytes === null) return;
    const missing = this.progress().stages.reduce((sum, one) => sum + one.bytes - one.bytesPresent, 0);
    await pruneCache(this.options.home, Math.max(0, cacheBytes - missing));
  }

  private file(stage: number): StageFile {
    const file = this.files[stage];
    if (file) return file;
    throw new DistributionError('not-found', `stage ${stage}: there are 0 to ${this.files.length - 1}`);
  }

  private async fetchAll(signal: AbortSignal): Promise<void> {
    try {
      while (!this.satisfied) {
        signal.throwIfAborted();
        if (!this.anyUse()) {
          // Others of this node may fetch meanwhile.
          await sleep(REST_MS, undefined, { signal });
          await this.refresh(signal);
          continue;
        }
        const lock = await this.lead(signal);
        if (lock === null) return;
        try {
          await this.fetch(AbortSignal.any([signal, lock.lost]));
        } catch (error) {
          if (!lock.lost.aborted || signal.aborted) throw error;
          // This process slept and another one took over: back in line.
        } finally {
          await lock.release();
        }
      }
    } catch (error) {
      throw DistributionError.from(error, signal);
    }
  }

  private fetch(signal: AbortSignal): Promise<void> {
    const { transfer, options } = this;
    if (transfer === null) throw new DistributionError('no-origin', `${this.folder} has no origin`);
    const fetcher = new StageFetcher(this.config, this.files, transfer, {
      strategy: options.strategy,
      use: options.use ?? null,
      arrived: (bytes) => this.arrived(bytes),
    });
    return fetcher.run(signal);
  }

  /** Waits for the artifact's lock; null when another process has brought everything meanwhile. */
  private async lead(signal: AbortSignal) {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    const watching = this.watch(either, done);
    try {
      return await lockFile(join(this.folder, 'partial', 'lock'), {
        signal: either,
        waitMs: Number.POSITIVE_INFINITY,
        onWait: () => {
          this.waitingForOther = true;
          this.arrived(0);
        },
      });
    } catch (error) {
      if (this.satisfied) return null;
      throw done.signal.aborted && !signal.aborted ? done.signal.reason : error;
    } finally {
      this.waitingForOther = false;
      done.abort();
      await watching;
    }
  }

  /** Follows what another process brings until `signal`; aborts `done` when there is nothing left to bring. */
  private async watch(signal: AbortSignal, done: AbortController): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.refresh(signal);
        if (this.satisfied) done.abort();
        await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      // The wait for the lock ends with it, and then so does `lead`.
      if (!signal.aborted) done.abort(error);
    }
  }

  /** Looks at what other processes have brought. */
  private async refresh(signal: AbortSignal): Promise<void> {
    let changed = false;
    for (const file of this.files) {
      changed = (await file.refresh()) || changed;
      changed = (await file.recallWanted(signal)) || changed;
    }
    if (changed) this.arrived(0);
  }

  /** Whether the strategy brings anything of what is missing now. */
  private anyUse(): boolean {
    const { use, strategy } = this.options;
    return planFetch(this.config, use?.() ?? new Array<number>(STAGES).fill(1)).some(
      ({ stage, urgency }) => !this.file(stage).satisfied && mostRequests(strategy, urgency) > 0,
    );
  }

  /** Bytes came, or a stage changed. */
  private arrived(bytes: number): void {
    this.bytesKept += bytes;
    for (const wake of this.waiters) wake();
    this.options.onProgress?.(this.progress());
  }

  /** Ends with the next change, after LOOK_MS at the latest. */
  private async change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const timer = new AbortController();
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.waiters.add(wake);
    const look = sleep(LOOK_MS, undefined, { signal: AbortSignal.any([signal, timer.signal]) });
    try {
      await Promise.race([woken, look.catch(() => signal.throwIfAborted())]);
    } finally {
      timer.abort();
      this.waiters.delete(wake);
    }
  }
}
