import { openLadder } from '@zen/ladder';
import { packedLadder, stepBackendConformance } from '@zen/testing';
import { openEngine } from './open-engine';

const ladder = packedLadder();

if ('missing' in ladder) {
  console.warn(`skipped: ${ladder.missing}`);
  test.skip('the engine as a StepBackend', () => undefined);
} else {
  stepBackendConformance('the engine', async () => {
    const options = {
      threads: 2,
      kvBytes: 16 * 2 ** 20,
      kvType: 'f16' as const,
      contextTokens: 2048,
      delta: null,
      residentStage: null,
    };
    const opened = await openLadder(ladder.folder);
    const { model, backend } = openEngine(opened, options);
    for (const stage of [0, 1]) await backend.attachStage(stage, opened.stagePaths[stage] ?? '');
    return { backend, vocabSize: model.vocabSize, stage: 1, lowerStage: 0, close: () => backend.close() };
  });
}
