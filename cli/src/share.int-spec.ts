import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SampleLadder, TYPESCRIPT_RUNNER, writeSampleLadder } from '@zen/testing';

jest.setTimeout(180_000);

const scratch = mkdtempSync(join(tmpdir(), 'zen-share-'));
const env = { ...process.env, ZEN_HOME: join(scratch, 'home') };
let sample: SampleLadder;

function zen(...args: string[]) {
  const argv = ['-r', TYPESCRIPT_RUNNER, join(__dirname, 'main.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { env, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

beforeAll(() => {
  sample = writeSampleLadder(join(scratch, 'sample'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

describe('zen push and zen pull', () => {
  it('copy a ladder to a folder and use a folder where it is', () => {
    const to = join(scratch, 'copy');
    const pushed = zen('push', sample.folder, to, '--json');
    expect(pushed.stderr).toBe('pushing\n');
    expect(JSON.parse(pushed.stdout)).toEqual({
      address: to,
      digest: sample.digest,
      totalBytes: sample.totalBytes,
      skippedBytes: 0,
    });
    expect(JSON.parse(zen('push', sample.folder, to, '--json').stdout).skippedBytes).toBe(sample.totalBytes);
    const pulled = zen('pull', to, '--json', '--as', 'mine');
    expect(JSON.parse(pulled.stdout)).toMatchObject({ digest: sample.digest, folder: to, bytesReceived: 0 });
    expect(JSON.parse(zen('inspect', 'mine', '--json').stdout).digest).toBe(sample.digest);
    for (const name of ['index.json', 'oci-layout']) {
      expect(readFileSync(join(to, name))).toEqual(readFileSync(join(sample.folder, name)));
    }
  });

  it('name what they cannot use, by exit code too', () => {
    const cut = join(scratch, 'cut');
    cpSync(sample.folder, cut, { recursive: true });
    rmSync(join(cut, 'blobs'), { recursive: true });
    expect(zen('push', cut, join(scratch, 'never')).code).toBe(1);
    expect(zen('push', sample.folder, 'https://127.0.0.1:1/x')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('a web server takes no ladders'),
    });
    expect(zen('pull', 's3://Not_A_Bucket/x').stderr).toContain('expected s3://bucket/prefix');
    expect(zen('pull', 'oci://127.0.0.1:1/x', '--bandwidth', '20')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must be a rate such as 20mbit'),
    });
    expect(zen('pull', 'oci://127.0.0.1:1/x', '--strategy', 'bold').code).toBe(2);
    expect(zen('pull', sample.folder, '--as', '../up').stderr).toContain('must be at most 200 of a-z');
  });
});
