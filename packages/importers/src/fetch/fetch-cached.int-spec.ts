import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSource } from '../open-source';
import { FAST_RETRY, scratchFolder, sha256 } from '../testing/fetch-folder';
import { serve, startServer, type TestServer } from '../testing/http-server';
import { tinyGguf } from '../testing/tiny-model';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const MODEL = tinyGguf();

let home: string;
let server: TestServer;

beforeEach(async () => {
  home = scratchFolder();
  server = await startServer((req, res) => serve(req, res, MODEL));
});
afterEach(async () => {
  await server.close();
  rmSync(home, { recursive: true });
});

async function open(options: { verify?: boolean; hash?: string } = {}): Promise<string> {
  const hash = options.hash ? `#sha256=${options.hash}` : '';
  const model = await openSource(`${server.url}/dir/tiny%20model.gguf${hash}`, {
    home,
    retry: FAST_RETRY,
    verify: options.verify ?? false,
    lockWaitMs: 300,
  });
  await model.close();
  return model.sha256;
}

function entry(): string {
  return join(home, 'sources', readdirSync(join(home, 'sources'))[0]!);
}

const file = () => join(entry(), readdirSync(entry()).find((name) => name.endsWith('.gguf'))!);

/** Changes the file so that neither its time nor the record's gives it away. */
function replaceKeepingTime(content: Uint8Array): void {
  const { atime, mtime } = statSync(file());
  writeFileSync(file(), content);
  utimesSync(file(), atime, mtime);
  // Times are kept to the nanosecond, utimes sets them to the millisecond: the record must agree.
  const record = JSON.parse(readFileSync(join(entry(), 'record.json'), 'utf8'));
  record.files[0].mtimeMs = statSync(file()).mtimeMs;
  writeFileSync(join(entry(), 'record.json'), JSON.stringify(record));
}

describe('fetchCached', () => {
  it('fetches once', async () => {
    expect(await open()).toBe(sha256(MODEL));
    expect(await open()).toBe(sha256(MODEL));
    expect(await open({ verify: true })).toBe(sha256(MODEL));
    expect(server.requests).toHaveLength(1);
  });

  it('uses no name of the address that is not plain', async () => {
    await open();
    expect(readdirSync(entry()).sort()).toEqual(['model.gguf', 'record.json']);
  });

  it.each<[string, () => void, boolean]>([
    ['cut', () => writeFileSync(file(), MODEL.subarray(1)), false],
    ['changed', () => writeFileSync(file(), Buffer.concat([MODEL.subarray(1), Buffer.from('x')])), false],
    ['removed', () => rmSync(file()), false],
    ['without a record', () => rmSync(join(entry(), 'record.json')), false],
    ['with a damaged record', () => writeFileSync(join(entry(), 'record.json'), '{"uri"'), false],
    [
      'with a record that points elsewhere',
      () =>
        writeFileSync(
          join(entry(), 'record.json'),
          readFileSync(join(entry(), 'record.json'), 'utf8').replace('model.gguf', '../../../x.gguf'),
        ),
      false,
    ],
    ['cut with its old time', () => replaceKeepingTime(MODEL.subarray(1)), false],
    [
      'changed in place with its old time',
      () => replaceKeepingTime(Buffer.concat([MODEL.subarray(1), Buffer.from('x')])),
      true,
    ],
  ])('fetches an entry again that is %s', async (_name, damage, verify) => {
    await open();
    damage();
    expect(await open({ verify })).toBe(sha256(MODEL));
    expect(server.requests).toHaveLength(2);
    expect(readFileSync(file()).equals(MODEL)).toBe(true);
  });

  it('hashes a file with a new time once, and keeps it when it is sound', async () => {
    await open();
    utimesSync(file(), new Date(), new Date(1_000_000));
    await open();
    const { mtimeMs } = JSON.parse(readFileSync(join(entry(), 'record.json'), 'utf8')).files[0];
    expect(mtimeMs).toBe(statSync(file()).mtimeMs);
    expect(server.requests).toHaveLength(1);
  });

  it('refuses another hash than the stated one, also from the cache', async () => {
    await expect(open({ hash: 'b'.repeat(64) })).rejects.toMatchObject({ failure: 'wrong-hash' });
    await open();
    await expect(open({ hash: 'b'.repeat(64) })).rejects.toMatchObject({ failure: 'wrong-hash' });
    expect(await open({ hash: sha256(MODEL) })).toBe(sha256(MODEL));
  });

  it('waits for a living process only so long, and takes the lock of a dead one', async () => {
    await open();
    rmSync(file());
    const lock = join(entry(), 'lock');
    const { hostname } = await import('node:os');
    writeFileSync(lock, JSON.stringify({ pid: process.ppid, host: hostname(), token: 'other' }));
    await expect(open()).rejects.toThrow(/held by process \d+ on .* for more than 0\.3 s/);
    // A process number above any that exists.
    writeFileSync(lock, JSON.stringify({ pid: 2 ** 30, host: hostname(), token: 'dead' }));
    expect(await open()).toBe(sha256(MODEL));
    rmSync(file());
    // Another machine's lock that was not touched for long.
    writeFileSync(lock, JSON.stringify({ pid: 1, host: 'elsewhere', token: 'stale' }));
    utimesSync(lock, new Date(0), new Date(0));
    expect(await open()).toBe(sha256(MODEL));
    expect(readdirSync(entry()).sort()).toEqual(['model.gguf', 'record.json']);
  });
});
