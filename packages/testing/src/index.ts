export { type PacedOptions, type PacedStage, PacedThinker } from './paced-thinker';
export { packedLadder } from './packed-ladder';
export { type BackendUnderTest, GREEDY, stepBackendConformance } from './step-backend-conformance';
