import { SimulatedBackend } from '@zen/batching';
import { stepBackendConformance } from './step-backend-conformance';

stepBackendConformance('the simulated backend', async () => ({
  backend: new SimulatedBackend({ vocabSize: 1000, blocksTotal: 40, blockTokens: 16 }),
  vocabSize: 1000,
  stage: 0,
  close: () => undefined,
}));
