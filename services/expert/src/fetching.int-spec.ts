import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ExpertFailure } from '@zen/contracts';
import { expertNeed, neededChunks, type OpenLadder } from '@zen/ladder';
import { ExpertPodProcess, endServices, FolderServer, packTinyMixture, serviceMissing } from '@zen/testing';
import { callOf, floatsOf, LocalExperts } from './expert-calls.fixture';

jest.setTimeout(180_000);

const missing = serviceMissing('expert');
if (missing) console.warn(`skipped: ${missing}`);

const CHUNK_BYTES = 4 * 2 ** 20;
const LAYERS = 4;
const EXPERTS = 8;

(missing ? describe.skip : describe)('an expert pod whose ladder is elsewhere', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'zen-expert-fetch-'));
  let ladder: OpenLadder;
  let local: LocalExperts;
  let server: FolderServer;
  beforeAll(async () => {
    // 12 MB, two chunks at stage 0: early layers in the first, late ones in the second.
    ladder = await packTinyMixture(join(scratch, 'ladder'), {
      hiddenSize: 256,
      ffnSize: 512,
      layers: LAYERS,
      experts: { count: EXPERTS },
    });
    local = await LocalExperts.open(ladder);
    server = await FolderServer.start(ladder.folder);
  });
  afterAll(async () => {
    local?.close();
    await server?.stop();
    endServices();
    rmSync(scratch, { recursive: true });
  });

  const start = (home: string, change: Record<string, string> = {}) =>
    ExpertPodProcess.start({
      ZEN_LADDER: server.url,
      ZEN_HOME: home,
      ZEN_EXPERTS_PER_LAYER: String(EXPERTS),
      ZEN_SCRUB_RATE: '256MiB',
      ...change,
    });

  /** Bytes of the chunks that hold these experts of a layer. */
  function bytesOf(layer: number, experts: number[]): number {
    const resident = new Int8Array(LAYERS * EXPERTS).fill(-1);
    for (const expert of experts) resident[layer * EXPERTS + expert] = 4;
    const chunks = neededChunks(ladder.config, expertNeed(ladder.config.model, resident, -1));
    const sizes = chunks.flatMap((flags, stage) =>
      [...flags.keys()].map(
        (chunk) =>
          flags[chunk]! * Math.min(CHUNK_BYTES, ladder.manifest.layers[stage]!.bytes - chunk * CHUNK_BYTES),
      ),
    );
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  async function expectBits(pod: ExpertPodProcess, layer: number, experts: number[]): Promise<void> {
    const caller = pod.open();
    for (const stage of [0, 2, 4]) {
      const call = callOf(ladder, { layer, stage, experts });
      const { failure, message, outputs } = await caller.run(call);
      expect([failure, message]).toEqual([ExpertFailure.EXPERT_FAILURE_UNSPECIFIED, '']);
      const [ours, theirs] = [await local.run(call), outputs].map(floatsOf) as [Float32Array, Float32Array];
      const differing = [...ours.keys()].filter((at) => !Object.is(ours[at], theirs[at]));
      expect({ layer, stage, of: theirs.length, differing }).toEqual({
        layer,
        stage,
        of: ours.length,
        differing: [],
      });
    }
    caller.stream.end();
  }

  const metadata = () => ladder.configJson.length + 20_000;

  test('fetches what its experts need, goes on after kill -9, and shares with the next one', async () => {
    const home = mkdtempSync(join(scratch, 'home-'));
    const pod = await start(home);
    const wanted = bytesOf(0, [1, 5]);
    const all = ladder.manifest.layers.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(wanted).toBeLessThan(all);
    // Stage 0 is complete when it is killed, and a later one under way.
    server.bytesPerSecond = 6 * 2 ** 20;
    await pod.assign(1n, [{ layer: 0, experts: [1, 5] }]);
    await pod.until(({ held, heldStage }) => held.length > 0 && heldStage >= 0);
    await pod.end('SIGKILL');
    server.bytesPerSecond = null;
    await pod.start();
    await pod.hold(1n, [{ layer: 0, experts: [1, 5] }]);
    await expectBits(pod, 0, [1, 5]);
    // At most the chunks in hand came twice, and the metadata.
    expect(server.bytesSent).toBeLessThanOrEqual(wanted + 8 * CHUNK_BYTES + 2 * metadata());
    // Stage 0 has chunks that nobody wanted: it is no blob to anybody.
    expect(stageFiles(home)).toEqual({ blob: false, partial: true });
    // What is on the node is not fetched again, by nobody.
    const before = server.bytesSent;
    const second = await start(home);
    await second.hold(1n, [{ layer: 0, experts: [5] }]);
    await expectBits(second, 0, [5]);
    expect(server.bytesSent - before).toBeLessThanOrEqual(metadata());
    // A later layer's are elsewhere.
    await second.hold(2n, [
      { layer: 0, experts: [5] },
      { layer: 3, experts: [0, 7] },
    ]);
    await expectBits(second, 3, [0, 7]);
    await expectBits(second, 0, [5]);
    expect(server.bytesSent - before).toBeGreaterThan(metadata());
    await Promise.all([pod.remove(), second.remove()]);
  });

  test.each([
    ['a file with holes', [0], 'partial'],
    ['a whole blob', [0, 3], 'blob'],
  ] as const)('bytes that go bad in %s are let go, fetched again and held again', async (_, layers, kind) => {
    const home = mkdtempSync(join(scratch, 'home-'));
    const pod = await start(home);
    const assigned = layers.map((layer) => ({ layer, experts: [0, 1] }));
    await pod.hold(1n, assigned);
    expect(stageFiles(home)).toEqual({ blob: kind === 'blob', partial: kind === 'partial' });
    for (const layer of layers) await expectBits(pod, layer, [0, 1]);
    // In the midst of an expert's own bytes.
    const file = openSync(stagePaths(home)[kind], 'r+');
    writeSync(file, Buffer.from('rotten'), 0, 6, sectionOf('blk.0.ffn_gate.0.weight').offset);
    closeSync(file);
    while ((await corruptChunks(pod)) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const whole = { held: assigned, heldStage: 4, reason: '' };
    await pod.until(({ held, heldStage, reason }) => isDeepStrictEqual({ held, heldStage, reason }, whole));
    for (const layer of layers) await expectBits(pod, layer, [0, 1]);
    expect(await corruptChunks(pod)).toBe(1);
    await pod.remove();
  });

  test('says why it holds nothing while its ladder is away, and serves when it comes', async () => {
    const home = mkdtempSync(join(scratch, 'home-'));
    const away = await FolderServer.start(ladder.folder);
    const { url } = away;
    await away.stop();
    const pod = await start(home, { ZEN_LADDER: url });
    const state = await pod.until(({ reason }) => reason !== '');
    expect(state).toMatchObject({ artifactDigest: '', held: [] });
    expect((await fetch(`http://${pod.probeAddress}/readyz`)).status).toBe(503);
    await expect(
      pod.client.assign({ version: 1n, artifactDigest: ladder.digest, layers: [] }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const back = await FolderServer.start(ladder.folder, Number(new URL(url).port));
    await pod.hold(1n, [{ layer: 1, experts: [2] }]);
    await expectBits(pod, 1, [2]);
    await pod.remove();
    await back.stop();
  });

  /** Where stage 0 is, as the one or the other. */
  function stagePaths(home: string) {
    const [artifact] = readdirSync(join(home, 'artifacts')).filter((name) => name !== 'refs');
    const folder = join(home, 'artifacts', artifact!);
    const hex = ladder.manifest.layers[0]!.digest.slice('sha256:'.length);
    return { blob: join(folder, 'blobs', 'sha256', hex), partial: join(folder, 'partial', hex) };
  }

  function stageFiles(home: string) {
    const { blob, partial } = stagePaths(home);
    return { blob: existsSync(blob), partial: existsSync(partial) };
  }

  async function corruptChunks(pod: ExpertPodProcess): Promise<number> {
    const text = await (await fetch(`http://${pod.probeAddress}/metrics`)).text();
    return Number(/zen_expert_corrupt_chunks_total (\d+)/.exec(text)![1]);
  }

  function sectionOf(name: string): { offset: number } {
    const [rung] = ladder.config.tensors.find((tensor) => tensor.name === name)!.rungs;
    if (rung?.kind !== 'coded') throw new Error(`${name} must have a coded rung at stage 0`);
    return rung.planes[0]!;
  }
});
