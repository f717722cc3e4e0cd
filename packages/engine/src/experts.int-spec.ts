import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** A process of its own, from the build: what ends it cannot be tried in this one. */
function run(dispatch: string): { status: number | null; said: string } {
  const script = `
    const { loadEngine, GREEDY } = require('./index.js');
    const { tinyLadder } = require('./tiny-ladder.fixture.js');
    process.on('uncaughtException', (error) => console.log('uncaught', error.message));
    (async () => {
      const ladder = tinyLadder({ count: 4, perToken: 2, normalized: true, sharedFfnSize: 0 });
      const model = loadEngine().open(ladder.configJson, {
        threads: 1, kvBytes: 2 ** 22, kvType: 'f16', contextTokens: 64,
        tokenBytes: new Uint8Array(0), tokenOffsets: new Uint32Array(65),
        experts: { resident: new Int8Array(8), dispatch: (call) => { ${dispatch} } },
      });
      for (const [stage, path] of ladder.stagePaths.entries()) await model.attachStage(stage, path);
      ladder.remove();
      const sequence = model.createSequence(GREEDY);
      const [output] = await model.step([
        { sequence, tokens: Int32Array.of(1, 2, 3), embeddings: null, stage: 4, sample: true, draft: null },
      ]);
      console.log(output.status, output.expertFalls.standIn > 0);
    })();`;
  const ended = spawnSync(process.execPath, ['-e', script], {
    cwd: join(__dirname, '../dist'),
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status: ended.status, said: ended.stdout };
}

test('a process ends while a step waits for experts that nobody brings', () => {
  expect(run('process.exit(3)')).toEqual({ status: 3, said: '' });
}, 150_000);

test('a dispatch that throws is an uncaught error, and its experts are missing', () => {
  expect(run("throw new Error('no way')")).toEqual({
    status: 0,
    said: 'uncaught no way\nuncaught no way\nok true\n',
  });
}, 150_000);
