import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StartBuildRequest } from '@zen/contracts';
import { ladderBase } from '@zen/delta-build';
import { deltaModel, moduleShape, toBfloat, writeDelta, writePeft } from '@zen/deltas';
import { type DeltaPart, loadQuant } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { packedLadder } from '@zen/testing';
import { inPieces, TestService } from '../service.fixture';
import { Registers } from '../storage/registers';
import { BuildRecords } from './build-record';
import { BuildWorker } from './build-worker';
import { Builds } from './builds';
import { LocalQueue } from './local-queue';

jest.setTimeout(300_000);

const SCRIPT = join(__dirname, '../../dist/builds/build-child.js');
const ladder = packedLadder();
const missing = 'missing' in ladder ? ladder.missing : existsSync(SCRIPT) ? null : 'not built: npm run build';
if (missing) console.warn(`skipped: ${missing}`);

(missing ? describe.skip : describe)('a build on SmolLM2', () => {
  const folder = 'folder' in ladder ? ladder.folder : '';
  let store: TestService;
  let builds: Builds;
  let queue: LocalQueue;
  let adapter: { config: string; model: Buffer };
  let wanted: string;
  let base: string;

  beforeAll(async () => {
    store = await TestService.open();
    const records = new BuildRecords(new Registers(store.service.objects, 8));
    const bases = new Map([['smollm2', folder]]);
    const worker = new BuildWorker({ ...store.service, records, bases }, SCRIPT);
    queue = new LocalQueue({
      run: (job, attempt, signal) => worker.run(job, attempt, signal),
      failed: (job, error) => worker.failed(job, error),
      onError: (error) => console.error(error),
      attempts: 2,
      backoffMs: 10,
    });
    builds = new Builds({ ...store.service, records, queue, bases, maxBytes: 2 ** 30 });
    const opened = await ladderBase(loadQuant(), await openLadder(folder));
    const model = deltaModel(opened.model);
    base = opened.digest;
    const shape = moduleShape(model, 'q');
    const factor = (count: number) =>
      Uint16Array.from({ length: count }, (_, i) => toBfloat(((i % 7) - 3) / 64));
    const part: DeltaPart = {
      module: 'q',
      form: 'lora16',
      layers: Int32Array.from({ length: model.layers }, (_, layer) => layer),
      rank: 2,
      scale: 1,
      a: factor(model.layers * 2 * shape.in),
      b: factor(model.layers * 2 * shape.out),
    };
    const made = writeDelta({ base, recipe: 'lora16', model, parts: [part] });
    wanted = made.digest;
    adapter = writePeft(made.manifest, [part], opened.model.ropeStyle, 'smollm2');
    await opened.close();
  });
  afterAll(async () => {
    await queue?.close();
    if (store) rmSync(store.folder, { recursive: true });
  });

  async function* request(changes: object, file: Uint8Array): AsyncGenerator<StartBuildRequest> {
    const spec = {
      base: 'smollm2',
      recipe: 'lora16',
      rank: 0,
      adapterConfig: adapter.config,
      alias: '',
      ...changes,
    };
    yield { part: { $case: 'spec', value: spec } };
    for await (const piece of inPieces(file, 2 ** 20)) {
      yield { part: { $case: 'chunk', value: Buffer.from(piece) } };
    }
  }
  async function start(changes: object, file: Uint8Array = adapter.model) {
    const space = await store.service.tenants.findOrMake('acme');
    return builds.start(space, request(changes, file));
  }
  async function ended(id: string) {
    const seen = [];
    for await (const record of builds.watch('acme', id, new AbortController().signal)) seen.push(record);
    return seen.at(-1)!;
  }

  test('turns an adapter into a published delta, moves the alias, and is the same build for the same input', async () => {
    const { id, phase } = await start({ alias: 'user/prod' });
    expect(phase).toBe('waiting');
    expect(await ended(id)).toMatchObject({ phase: 'succeeded', progress: 1, digest: wanted, attempts: 1 });
    const space = (await store.service.tenants.find('acme'))!;
    expect(await store.service.catalog.require(space, wanted)).toMatchObject({ base, recipe: 'lora16' });
    expect(await store.service.aliases.require(space, 'user/prod')).toMatchObject({ digest: wanted });
    expect(await start({ alias: 'user/prod' })).toMatchObject({ id, phase: 'succeeded' });
    expect((await builds.list(space, '', 10)).items.map((each) => each.id)).toEqual([id]);
    // The uploads are gone; the delta's data are all that is left.
    const blobs: string[] = [];
    for await (const blob of store.service.blobs.all(space)) blobs.push(blob);
    expect(blobs).toHaveLength(1);
  });

  test('a file that is no adapter fails with the reason, in one try', async () => {
    const { id } = await start({ adapterConfig: '{}' });
    expect(await ended(id)).toMatchObject({ phase: 'failed', attempts: 1, digest: null });
    expect((await ended(id)).detail).not.toMatch(/internal/);
  });

  test('a build that is cancelled stops, and may be started again', async () => {
    // Another recipe than the adapter's has to be fitted, which takes a while.
    const changes = { recipe: 'lora1', rank: 3 };
    const { id } = await start(changes);
    for await (const { phase } of builds.watch('acme', id, new AbortController().signal)) {
      if (phase === 'running') break;
    }
    const space = (await store.service.tenants.find('acme'))!;
    expect(await builds.cancel(space, id)).toMatchObject({ phase: 'cancelled' });
    expect(await ended(id)).toMatchObject({ phase: 'cancelled' });
    expect(await start(changes)).toMatchObject({ id, phase: 'waiting' });
    await builds.cancel(space, id);
  });

  test.each([
    ['an unknown base', { base: 'other' }, /^spec.base: unknown; this store knows smollm2/],
    ['an unknown recipe', { recipe: 'magic' }, /^spec.recipe: must be one of dense1/],
    ['a rank', { rank: 65 }, /^spec.rank: 65, must be 1 to 64/],
  ])('%s is refused by name', async (_, changes, message) => {
    await expect(start(changes)).rejects.toThrow(message);
  });

  test('half of a file is refused, as is one with something behind it', async () => {
    await expect(start({}, adapter.model.subarray(0, -1))).rejects.toThrow(
      /^chunk: \d+ bytes in all, the file's/,
    );
    await expect(start({}, Buffer.concat([adapter.model, Buffer.from([0])]))).rejects.toThrow(/header says/);
    await expect(start({}, adapter.model.subarray(0, 20))).rejects.toThrow('ends inside the header');
  });
});
