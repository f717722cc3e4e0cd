export { type ArtifactStore, RangesIgnored } from './artifact-store';
export { DISTRIBUTION_FAILURES, DistributionError, type DistributionFailure } from './distribution-error';
export type {
  DownloadOptions,
  DownloadProgress,
  StageArrival,
  StagedLadder,
  StageProgress,
} from './staged-ladder';
