export { type PacedOptions, type PacedStage, PacedThinker } from './paced-thinker';
export { packedLadder } from './packed-ladder';
export { type BackendUnderTest, stepBackendConformance } from './step-backend-conformance';
