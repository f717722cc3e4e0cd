import type { RegistryLogin, RetryPolicy } from '@zen/http';
import type { CachedFile } from '../cache/cache-entry';

/** How far a source is. `totalBytes` is null until it is known. */
export interface FetchProgress {
  /** `waiting`: another process fetches the same source. */
  phase: 'fetching' | 'verifying' | 'waiting';
  /** File or package being fetched. */
  item: string;
  bytes: number;
  totalBytes: number | null;
}

/** What a scheme's fetcher works with. */
export interface FetchContext {
  /** The cache entry's folder: everything the fetcher writes is below it. */
  folder: string;
  signal: AbortSignal;
  progress: (progress: FetchProgress) => void;
  retry: RetryPolicy;
  /** Size of the whole source where it is known beforehand, for the progress. */
  expectedBytes: number | null;
  settings: FetchSettings;
}

/** What an installation may choose; every field has a default in `openSource`. */
export interface FetchSettings {
  /** Base address of the Hugging Face hub. */
  huggingFaceEndpoint: string;
  /** Token for gated repositories, or null. */
  huggingFaceToken: string | null;
  /** User name and password of OCI registries by host, or empty. */
  ociCredentials: Readonly<Record<string, RegistryLogin>>;
  /** Python 3 with pip, for `pypi://`. */
  python: string;
  /** Largest file fetched, in bytes. */
  maxFileBytes: number;
}

export type Fetcher = (context: FetchContext) => Promise<CachedFile[]>;
