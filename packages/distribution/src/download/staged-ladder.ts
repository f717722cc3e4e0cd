import type { RetryPolicy } from '@zen/http';
import type { FetchStrategy, LadderConfig, LadderManifest, TensorNeed } from '@zen/ladder';
import type { StoreSettings } from '../store/store-settings';

/**
 * Of what is wanted of a stage:
 * - `absent` nothing is on disk
 * - `fetching` some chunks are on disk
 * - `complete` all of it is on disk, verified
 */
export type StageArrival = 'absent' | 'fetching' | 'complete';

export interface StageProgress {
  stage: number;
  /** Of the chunks that are wanted: of the whole blob unless `want` says otherwise. */
  bytes: number;
  /** Of those, what is on disk. */
  bytesPresent: number;
  state: StageArrival;
}

export interface DownloadProgress {
  /** Stage k at index k. */
  stages: StageProgress[];
  /** Received by this process over the last few seconds; 0 when it fetches nothing. */
  bytesPerSecond: number;
  /** By this process. */
  requestsInFlight: number;
  /** Bytes of bodies that this process received since `open`, wasted ones included. */
  bytesReceived: number;
  /** Of those, the bytes that were verified and are kept on disk. */
  bytesKept: number;
  /** Another process of this node fetches; this one watches what arrives. */
  waitingForOther: boolean;
  /** Why nothing arrives at the moment, while it is tried again; null when all is well. */
  trouble: string | null;
}

export interface DownloadOptions {
  /** The node's cache folder: everything is written below `home/artifacts`. */
  home: string;
  strategy: FetchStrategy;
  /** Limit of this download, or null. */
  bytesPerSecond: number | null;
  /**
   * Bytes that the cache may have with this ladder; what was not used for longest goes. Null, or unless stated: no
   * limit. What processes of the node use stays, also where it is more.
   */
  cacheBytes?: number | null;
  /**
   * Share of recent requests that wanted at least stage k, at index k, from 0 to 1; asked again for every chunk.
   * Without it every stage counts as wanted.
   */
  use?: () => readonly number[];
  /** As `want`, from the start. */
  need?: TensorNeed;
  /** Credentials and places, see `storeSettings`; none unless stated. */
  settings?: StoreSettings;
  /** `attempts` counts failures in a row of one request; unless stated `run` tries for ever, `open` six times. */
  retry?: Partial<RetryPolicy>;
  signal: AbortSignal;
  /** Called after each verified chunk and each change of a stage, also when another process made it or is waited for. */
  onProgress?: (progress: DownloadProgress) => void;
}

/** A ladder whose stages arrive one after the other; `LadderDownload` is the real one. */
export interface StagedLadder {
  /** OCI layout folder; holds manifest, config and every complete stage. */
  readonly folder: string;
  readonly config: LadderConfig;
  /** The config blob as it is, for the engine. */
  readonly configJson: string;
  /** `sha256:<hex>` of the manifest. */
  readonly digest: string;
  readonly manifest: LadderManifest;
  progress(): DownloadProgress;
  /**
   * Fetches from now on only the chunks that these tensors need (see `expertNeed`); null: everything, as at first. What
   * is on the disk stays there, for whoever wants it later. A local folder has everything whatever is wanted.
   */
  want(need: TensorNeed | null): void;
  /** The chunks of a stage that are wanted, ascending; what else its file holds may be holes. */
  wanted(stage: number): number[];
  /** Whether all that is wanted is on disk, verified. */
  readonly satisfied: boolean;
  /**
   * Fetches all that is wanted and missing, best chunk first. Transient failures are tried again until `signal`; permanent
   * ones reject with a DistributionError (a full disk is one: call again once there is room, it resumes).
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Path of the stage's bytes, once all that is wanted of them is verified. Waits for `run`, of this or another process.
   * Where only some chunks are wanted it may be a file with holes, which gets the blob's name as soon as somebody has
   * completed it: where opening it finds no such file, ask again.
   */
  stage(stage: number, signal: AbortSignal): Promise<string>;
  /**
   * Bytes on disk turned out bad: fetches these 4 MiB chunks again and publishes a new file under the blob's
   * name. The old inode stays untouched, so a map of it keeps its bytes. A file with holes is mended where it is: nobody
   * may compute with these chunks meanwhile. Rejects with `no-origin` where there is nothing to fetch from.
   */
  repair(stage: number, chunks: readonly number[], signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}
