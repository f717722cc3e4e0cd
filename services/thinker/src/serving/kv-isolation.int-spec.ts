import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEngine } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { kvIsolation, noiseDelta, writeSampleLadder } from '@zen/testing';
import { EngineBackend } from './engine-backend';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zen-isolation-'));
  writeSampleLadder(folder, 1, 1, true);
});
afterAll(() => rm(folder, { recursive: true }));

const KV_BLOCKS = 40;

kvIsolation('the native engine', async () => {
  const { config, configJson, stagePaths } = await openLadder(folder);
  const { vocabSize, layers, kvHeads, headSize } = config.model;
  const model = loadEngine().open(configJson, {
    threads: 2,
    kvBytes: KV_BLOCKS * layers * kvHeads * headSize * 2 * 2 * 16,
    kvType: 'f16',
    contextTokens: 128,
    tokenBytes: new Uint8Array(0),
    tokenOffsets: new Uint32Array(vocabSize + 1),
    delta: { slots: 2, slotBytes: 2 ** 16, denseSlots: 0 },
  });
  for (const stage of [0, 1]) await model.attachStage(stage, stagePaths[stage] as string);
  const deltas = [
    await model.loadDelta(noiseDelta(config.model, 1)),
    await model.loadDelta(noiseDelta(config.model, 2)),
  ] as const;
  const backend = new EngineBackend(model);
  return { backend, deltas, vocabSize, stages: [0], close: () => backend.close() };
}, [1, 2]);
