import { SimulatedBackend } from '@zen/batching';
import { stepBackendConformance } from './step-backend-conformance';

stepBackendConformance('the simulated backend', async () => ({
  backend: new SimulatedBackend({
    vocabSize: 1000,
    blocksTotal: 40,
    blockTokens: 16,
    // Right two times out of three.
    guess: (history) => (history.length % 3 === 0 ? 1 : (history.at(-1) ?? 0) + 1) % 1000,
    next: (history, { temperature, seed }, count) =>
      ((history.at(-1) ?? 0) + 1 + (temperature > 0 ? (Number(seed) + count) % 2 : 0)) % 1000,
  }),
  vocabSize: 1000,
  stage: 1,
  lowerStage: 0,
  close: () => undefined,
}));
