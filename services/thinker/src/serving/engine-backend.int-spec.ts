import { openLadder } from '@zen/ladder';
import { packedLadder, stepBackendConformance } from '@zen/testing';
import { openEngine } from './open-engine';

const ladder = packedLadder();

if ('missing' in ladder) {
  console.warn(`skipped: ${ladder.missing}`);
  test.skip('the engine as a StepBackend', () => undefined);
} else {
  stepBackendConformance('the engine', async () => {
    const options = { threads: 2, kvBytes: 16 * 2 ** 20, kvType: 'f16' as const, contextTokens: 2048 };
    const opened = await openLadder(ladder.folder);
    const { model, backend } = openEngine(opened, options);
    await backend.attachStage(0, opened.stagePaths[0] ?? '');
    return { backend, vocabSize: model.vocabSize, stage: 0, close: () => backend.close() };
  });
}
