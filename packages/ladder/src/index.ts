export { CODING_DEFAULTS, type CodingOptions } from './code-tensors';
export { type CorpusPart, type CorpusText, readCorpus } from './corpus';
export { LadderReader } from './decode-tensor';
export { denseSource, hashTensors, sourceTensors } from './dense-source';
export { type ExpertCapsOptions, type ExpertCosts, expertCaps, expertCosts } from './expert-caps';
export {
  FETCH_STRATEGIES,
  type FetchChunk,
  type FetchStrategy,
  type FetchUrgency,
  mostRequests,
  type PlannedStage,
  planFetch,
} from './fetch-plan';
export * from './ladder-config';
export { LADDER_FAILURES, LadderError, type LadderFailure } from './ladder-error';
export { modelTensors, mostExperts } from './model-tensors';
export {
  ARTIFACT_TYPE,
  blobPath,
  CONFIG_TYPE,
  type LadderManifest,
  MANIFEST_TYPE,
  MAX_MANIFEST_BYTES,
  parseConfigOf,
  parseIndex,
  parseManifest,
  readManifest,
  STAGE_TYPE,
  type StageLayer,
} from './oci-layout';
export { ladderPath, type OpenLadder, openLadder, type PlanName } from './open-ladder';
export { DEFAULT_FLOORS, type PackOptions, type PackProgress, packLadder } from './pack';
export { makePlan, type PlanOptions, type TensorPlan } from './plan';
export {
  Divergence,
  measureQuality,
  minServable,
  parsesAsJson,
  type QualityOptions,
  type QualityWork,
  type StageUnderTest,
} from './quality';
export { type Measured, QualityFolder } from './quality-folder';
export { type Expert, expertNames } from './reference-mixture';
export { type DenseReader, type LayerHessians, ReferenceModel } from './reference-model';
export { SOURCE_FORMATS, type SourceFormat } from './source-format';
export * from './source-model';
export { chunkExperts, expertNeed, neededChunks, type TensorNeed } from './tensor-need';
export {
  needDense,
  type TrainedScales,
  type Trainer,
  type TrainingTensor,
  trainingTensors,
  tuneLadder,
} from './tune-ladder';
export { updateQuality } from './update-quality';
export { MAX_CONFIG_BYTES, parseConfig } from './validate-config';
export { type Verified, type VerifyOptions, verifyChunks, verifyLadder } from './verify';
