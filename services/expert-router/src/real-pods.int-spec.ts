import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Placement, RowEncoding } from '@zen/contracts';
import { ExpertPodProcess, endServices, packTinyMixture, serviceMissing } from '@zen/testing';
import { PlacementWatcher } from './placement-watcher.fixture';
import { EXPERTS, holders, LAYERS, openRouter, slotsUsed, type TestRouter, whole } from './router.fixture';

jest.setTimeout(180_000);

const HIDDEN = 64;
const TOP_STAGE = 4;

const missing = serviceMissing('expert');
if (missing) console.warn(`skipped: ${missing}`);

(missing ? describe.skip : describe)('real expert pods and their router', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zen-router-'));
  let pods: ExpertPodProcess[];
  let router: TestRouter;
  let watcher: PlacementWatcher;

  beforeAll(async () => {
    await packTinyMixture(join(folder, 'ladder'), {
      type: 'F32',
      layers: LAYERS,
      experts: { count: EXPERTS },
    });
    pods = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        ExpertPodProcess.start({
          ZEN_LADDER: join(folder, 'ladder'),
          ZEN_HOME: join(folder, 'home'),
          ZEN_EXPERTS_PER_LAYER: '4',
          ZEN_EXPERT_POD: name,
        }),
      ),
    );
    const { artifactDigest } = await pods[0]!.until((state) => state.artifactDigest !== '');
    // As a user has it but for the time that a pod has to come back.
    router = await openRouter(pods, { ZEN_EXPERT_LEASE: '2s' });
    watcher = new PlacementWatcher(router.rpc, artifactDigest);
  });
  afterAll(async () => {
    await watcher?.stop();
    await router?.stop();
    await Promise.all(pods?.map((pod) => pod.remove()) ?? []);
    endServices();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What every pod that the placement names for an expert makes of one row; [layers][experts][pods]. */
  async function answers({ pods: placed, layers }: Placement): Promise<string[][][]> {
    const row = Buffer.from(Float32Array.from({ length: HIDDEN }, (_, at) => Math.sin(at)).buffer);
    const calls = placed.map(({ address }) => pods.find((pod) => pod.address === address)!.open());
    const all = await Promise.all(
      layers.map(({ layer, experts }) =>
        Promise.all(
          experts.map((holding, expert) =>
            Promise.all(
              holding.pods.map(async (at) => {
                const { outputs, message } = await calls[at]!.run({
                  layer,
                  stage: TOP_STAGE,
                  encoding: RowEncoding.ROW_ENCODING_F32,
                  rows: row,
                  scales: Buffer.of(),
                  experts: [expert],
                  counts: [1],
                  pairs: [0],
                  answerEncoding: RowEncoding.ROW_ENCODING_F32,
                  deadlineUs: 0,
                });
                expect(message).toBe('');
                return outputs.toString('hex');
              }),
            ),
          ),
        ),
      ),
    );
    for (const { stream } of calls) stream.end();
    return all;
  }

  test('whoever is named for an expert answers, with the same bits, before and after a pod is killed and comes back', async () => {
    // Pods climb: all slots may be taken before all have the top stage.
    const full = (one: Placement) =>
      slotsUsed(one) === LAYERS * 12 && one.pods.every(({ stage }) => stage === TOP_STAGE);
    const first = await watcher.until(full);
    expect(first.pods.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
    const before = await answers(first);
    const one = (layer: string[][]) => layer.map((same) => [...new Set(same)]);
    const bits = before.map(one);
    for (const layer of bits) for (const same of layer) expect(same).toHaveLength(1);

    await pods[0]!.end('SIGKILL');
    const without = await watcher.until((seen) => whole(seen) && seen.pods.every(({ name }) => name !== 'a'));
    for (let layer = 0; layer < LAYERS; layer++) {
      expect(holders(without, layer).every((names) => names.length === 1)).toBe(true);
    }
    expect((await answers(without)).map(one)).toEqual(bits);

    await pods[0]!.start();
    const again = await watcher.until(full);
    expect((await answers(again)).map(one)).toEqual(bits);
  });
});
