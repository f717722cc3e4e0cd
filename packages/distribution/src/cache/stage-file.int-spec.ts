import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { StageFile } from './stage-file';

const TRIES = 300;

describe('a file with holes', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'zen-stage-file-'));
    mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
    mkdirSync(join(folder, 'partial'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function someFile() {
    const bytes = randomBytes(4096);
    const hex = createHash('sha256').update(bytes).digest('hex');
    const layer = { stage: 0, digest: `sha256:${hex}`, bytes: bytes.length, chunks: [hex] };
    return { bytes, layer, file: new StageFile(folder, layer) };
  }

  it('who wants nothing of it gets an empty one of its size, until it is the blob', async () => {
    const { bytes, layer, file } = someFile();
    file.want(Uint8Array.of(1));
    const other = new StageFile(folder, layer);
    other.want(Uint8Array.of(0));
    const empty = await other.readable();
    expect(readFileSync(empty)).toEqual(Buffer.alloc(bytes.length));
    await file.resume();
    await file.write(0, bytes);
    await file.publish(new AbortController().signal);
    expect(existsSync(empty)).toBe(false);
    expect(readFileSync(await other.readable()).equals(bytes)).toBe(true);
  });

  it('is never replaced by an empty one while it becomes the blob', async () => {
    for (let index = 0; index < TRIES; index++) {
      const { bytes, file } = someFile();
      file.want(Uint8Array.of(1));
      await file.resume();
      await file.write(0, bytes);
      const published = file.publish(new AbortController().signal);
      // A reader comes at any moment.
      for (let turns = index % 20; turns > 0; turns--) await turn();
      const path = await file.readable();
      await published;
      // Where it has got another name, whoever opens it asks again.
      if (existsSync(path)) expect(readFileSync(path).equals(bytes)).toBe(true);
      expect(readFileSync(await file.readable()).equals(bytes)).toBe(true);
    }
  });
});
