export { CertificateAuthority } from './certificate-authority';
export { FolderServer } from './folder-server';
export { healthClient } from './health-client';
export { type PacedOptions, type PacedStage, PacedThinker } from './paced-thinker';
export { packedLadder } from './packed-ladder';
export { type SampleLadder, writeSampleLadder } from './sample-ladder';
export { mountSmallDisk, type SmallDisk, smallDiskMissing } from './small-disk';
export { type BackendUnderTest, stepBackendConformance } from './step-backend-conformance';
export { TYPESCRIPT_RUNNER } from './typescript-runner';
