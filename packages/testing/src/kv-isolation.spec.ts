import { SimulatedBackend } from '@zen/batching';
import { kvIsolation } from './kv-isolation';

const open = async () => ({
  backend: new SimulatedBackend({ vocabSize: 300, blocksTotal: 40, blockTokens: 16 }),
  deltas: [1, 2] as const,
  vocabSize: 300,
  stages: [0, 1],
  close: () => undefined,
});

kvIsolation('the simulated backend', open, [1, 2, 3]);
