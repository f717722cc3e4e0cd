import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PacedThinker } from '@zen/testing';
import { openGateway, type Running } from '../../../services/gateway/src/gateway.fixture';
import { digestOf, newKey } from '../../../services/gateway/src/keys/key-entry';
import { CHART } from './render';

jest.setTimeout(60_000);

const script = readFileSync(join(CHART, 'files', 'completion-test.mjs'), 'utf8');

/** What the pod of `helm test` runs, as it runs it. */
function helmTest(env: Record<string, string>): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { env: { TIMEOUT_SECONDS: '10', ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });
}

describe('the script of helm test', () => {
  const thinker = new PacedThinker();
  const key = newKey();
  const folder = mkdtempSync(join(tmpdir(), 'zen-keys-'));
  let running: Running;
  beforeAll(async () => {
    const keys = join(folder, 'keys');
    writeFileSync(keys, `sha256:${digestOf(key).toString('hex')} tenant=a\n`);
    running = await openGateway([thinker], { ZEN_API_KEYS: keys });
  });
  afterAll(async () => {
    await running.stop();
    rmSync(folder, { recursive: true });
  });

  test('asks every model and checks the header of the stage', async () => {
    const { code, output } = await helmTest({ URL: running.url, NEEDS_KEY: 'yes', API_KEY: key });
    expect({ code, output }).toEqual({
      code: 0,
      output: expect.stringMatching(/without a key is refused\npaced answered at stage [0-4]\n/),
    });
  });

  test('without a key it tests that none is refused', async () => {
    const { code, output } = await helmTest({ URL: running.url, NEEDS_KEY: 'yes' });
    expect({ code, output }).toEqual({ code: 0, output: 'a request without a key is refused\n' });
  });

  test('fails where a key is wrong, or none should be needed', async () => {
    const wrong = await helmTest({ URL: running.url, NEEDS_KEY: 'yes', API_KEY: `${key}x` });
    expect(wrong).toEqual({ code: 1, output: expect.stringContaining('/v1/models answered 401') });
    const open = await helmTest({ URL: running.url, NEEDS_KEY: 'no' });
    expect(open).toEqual({ code: 1, output: expect.stringContaining('/v1/models answered 401') });
  });

  test('fails where no gateway answers', async () => {
    const { code, output } = await helmTest({
      URL: 'http://127.0.0.1:1',
      NEEDS_KEY: 'no',
      TIMEOUT_SECONDS: '1',
    });
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining('not ready after 1 s') });
  });
});
