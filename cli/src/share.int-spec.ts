import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

describe('zen cache', () => {
  it('lists what was fetched, and prunes it to a size', () => {
    const folder = join(env.ZEN_HOME, 'artifacts', 'a'.repeat(64));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'blob'), Buffer.alloc(2000));
    const listed = JSON.parse(zen('cache', 'list', '--json').stdout);
    expect(listed).toMatchObject({
      bytes: 2000,
      entries: [{ kind: 'artifacts', bytes: 2000, inUse: false }],
    });
    expect(zen('cache', 'list').stdout).toMatch(/^kind +name +size +used\nartifacts +a/);
    expect(JSON.parse(zen('cache', 'prune', '--bytes', '2kB', '--json').stdout)).toMatchObject({
      removed: [],
    });
    expect(existsSync(folder)).toBe(true);
    expect(zen('cache', 'prune', '--bytes', '1kB').stdout).toBe('2.0 KiB of 1 entries removed, 0 B left\n');
    expect(existsSync(folder)).toBe(false);
    for (const args of [['prune'], ['prune', '--bytes', 'much']]) {
      const { code, stderr } = zen('cache', ...args);
      expect([code, stderr]).toEqual([2, expect.stringContaining('--bytes')]);
    }
  });
});
