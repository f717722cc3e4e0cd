import type { RetryPolicy } from '@zen/http';
import type { FetchStrategy, LadderConfig, LadderManifest } from '@zen/ladder';
import type { StoreSettings } from '../store/store-settings';

/**
 * - `absent` nothing of the stage is on disk
 * - `fetching` some verified chunks are on disk
 * - `complete` its blob is on disk, whole and verified
 */
export type StageArrival = 'absent' | 'fetching' | 'complete';

export interface StageProgress {
  stage: number;
  /** Of the whole blob. */
  bytes: number;
  /** Verified bytes on disk. */
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
   * Share of recent requests that wanted at least stage k, at index k, from 0 to 1; asked again for every chunk.
   * Without it every stage counts as wanted.
   */
  use?: () => readonly number[];
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
   * Fetches all that is missing, best chunk first. Transient failures are tried again until `signal`; permanent
   * ones reject with a DistributionError (a full disk is one: call again once there is room, it resumes).
   */
  run(signal: AbortSignal): Promise<void>;
  /** Path of the stage's verified blob, once it is complete. Waits for `run`, of this or another process. */
  stage(stage: number, signal: AbortSignal): Promise<string>;
  /**
   * Bytes on disk turned out bad: fetches these 4 MiB chunks again and publishes a new file under the blob's
   * name. The old inode stays untouched, so a map of it keeps its bytes. Rejects with `no-origin` where there is
   * nothing to fetch from.
   */
  repair(stage: number, chunks: readonly number[], signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}
