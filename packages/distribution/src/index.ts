export { DISTRIBUTION_FAILURES, DistributionError, type DistributionFailure } from './distribution-error';
export { LadderDownload } from './download/ladder-download';
export type {
  DownloadOptions,
  DownloadProgress,
  StageArrival,
  StagedLadder,
  StageProgress,
} from './download/staged-ladder';
export { type Pushed, type PushOptions, type PushProgress, pushLadder } from './push/push-ladder';
export { MappedStage, type StageChunks } from './scrub/mapped-stage';
export { Scrubber } from './scrub/scrubber';
export { type ArtifactStore, RangesIgnored } from './store/artifact-store';
export { openStore, type StoreOptions } from './store/open-store';
export { S3Client } from './store/s3-client';
export { NO_SETTINGS, type S3Settings, type StoreSettings, storeSettings } from './store/store-settings';
export { parseStoreUri, type StoreUri } from './store/store-uri';
