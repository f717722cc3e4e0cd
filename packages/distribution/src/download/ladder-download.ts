import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockFile } from '@zen/disk';
import { DEFAULT_RETRY } from '@zen/http';
import { type LadderConfig, type LadderManifest, openLadder } from '@zen/ladder';
import { isFolder, type KnownLadder } from '../cache/artifact-folder';
import { StageFile } from '../cache/stage-file';
import { DistributionError } from '../distribution-error';
import { parseStoreUri } from '../store/store-uri';
import { openOrigin } from './open-origin';
import { repairBlob } from './repair-blob';
import { StageFetcher } from './stage-fetcher';
import type { DownloadOptions, DownloadProgress, StageArrival, StagedLadder } from './staged-ladder';
import { Transfer } from './transfer';

/** How often a process that does not fetch looks at what another one has brought. */
const LOOK_MS = 250;

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
  ) {
    ({ folder: this.folder, config: this.config, configJson: this.configJson } = ladder);
    this.manifest = ladder.manifest;
    this.digest = ladder.manifest.digest;
    this.files = ladder.manifest.layers.map((layer) => new StageFile(ladder.folder, layer));
  }

  /**
   * Fetches manifest and config and looks at what is already there; fetches no stage yet. A complete local folder is
   * used where it is.
   */
  static async open(uri: string, options: DownloadOptions): Promise<LadderDownload> {
    try {
      const place = parseStoreUri(uri);
      let download: LadderDownload;
      if (place.kind === 'folder') {
        if (!(await isFolder(place.path))) {
          throw new DistributionError('not-found', `${place.path} is not a folder`);
        }
        download = new LadderDownload(await openLadder(place.path), options, null, false);
      } else {
        const origin = await openOrigin(uri, options);
        const retry = { ...DEFAULT_RETRY, attempts: Number.POSITIVE_INFINITY, ...options.retry };
        const transfer = new Transfer(origin.store, retry, options.bytesPerSecond);
        download = new LadderDownload(origin, options, transfer, origin.remembered);
      }
      await download.refresh();
      return download;
    } catch (error) {
      throw DistributionError.from(error, options.signal);
    }
  }

  progress(): DownloadProgress {
    const { transfer } = this;
    return {
      stages: this.files.map((file) => {
        const { stage, bytes } = file.layer;
        const { bytesPresent } = file;
        const state: StageArrival = file.complete ? 'complete' : bytesPresent > 0 ? 'fetching' : 'absent';
        return { stage, bytes, bytesPresent, state };
      }),
      bytesPerSecond: transfer?.rate.bytesPerSecond() ?? 0,
      requestsInFlight: transfer?.inFlight ?? 0,
      bytesReceived: transfer?.bytesReceived ?? 0,
      bytesKept: this.bytesKept,
      waitingForOther: this.waitingForOther,
      trouble: transfer?.trouble ?? null,
    };
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
    const file = this.files[stage];
    if (!file)
      throw new DistributionError('not-found', `stage ${stage}: there are 0 to ${this.files.length - 1}`);
    const either = AbortSignal.any([signal, this.closing.signal]);
    try {
      while (!file.complete) {
        await this.change(either);
        if (!file.complete) await this.refresh();
      }
      return file.path;
    } catch (error) {
      throw DistributionError.from(error, either);
    }
  }

  async repair(stage: number, chunks: readonly number[], signal: AbortSignal): Promise<string> {
    const file = this.files[stage];
    const count = file?.layer.chunks.length ?? 0;
    if (!file?.complete || chunks.some((chunk) => !Number.isInteger(chunk) || chunk < 0 || chunk >= count)) {
      throw new DistributionError(
        'not-found',
        `stage ${stage}: no complete stage with chunks ${chunks.join(', ')}`,
      );
    }
    if (this.transfer === null) {
      throw new DistributionError('no-origin', `${file.path}: bad bytes, and a local folder has no origin`);
    }
    const either = AbortSignal.any([signal, this.closing.signal]);
    const scratch = join(this.folder, 'partial', `repair-${stage}`);
    try {
      const lock = await lockFile(`${scratch}.lock`, { signal: either, waitMs: Number.POSITIVE_INFINITY });
      try {
        const inside = AbortSignal.any([either, lock.lost]);
        const fetched = await repairBlob(file.path, scratch, file.layer, this.transfer, inside);
        if (fetched > 0) this.arrived(0);
        return file.path;
      } finally {
        await lock.release();
      }
    } catch (error) {
      throw DistributionError.from(error, either);
    }
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('closed'));
    // Its outcome belongs to whoever called run().
    await this.running?.catch(() => undefined);
  }

  private get complete(): boolean {
    return this.files.every((file) => file.complete);
  }

  private async fetchAll(signal: AbortSignal): Promise<void> {
    try {
      while (!this.complete) {
        signal.throwIfAborted();
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

  /** Waits for the artifact's lock; null when another process has completed everything meanwhile. */
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
      if (this.complete) return null;
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
        await this.refresh();
        if (this.complete) done.abort();
        await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      // The wait for the lock ends with it, and then so does `lead`.
      done.abort(error);
    }
  }

  private async refresh(): Promise<void> {
    let changed = false;
    for (const file of this.files) changed = (await file.refresh()) || changed;
    if (changed) this.arrived(0);
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
