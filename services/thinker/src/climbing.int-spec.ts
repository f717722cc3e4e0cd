import { cp, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DescribeResponse, ReplicaState, StageState, Upgrade } from '@zen/contracts';
import { openLadder, type StageLayer } from '@zen/ladder';
import { endServices, FolderServer } from '@zen/testing';
import { collect } from './simulated-thinker.fixture';
import { builtThinker, complete, startProcess, type ThinkerProcess } from './thinker-process.fixture';

jest.setTimeout(180_000);
afterAll(endServices);

const built = builtThinker();
if ('missing' in built) console.warn(`skipped: ${built.missing}`);
const folder = 'folder' in built ? built.folder : '';
const withModel = folder === '' ? describe.skip : describe;

const PROMPT = [...Array(24).keys()].map((i) => 1000 + 37 * i);
const tokens = (tokenIds: readonly number[]) => ({
  $case: 'tokens' as const,
  value: { tokenIds: [...tokenIds] },
});
const greedy = { prompt: tokens(PROMPT), sampling: { temperature: 0, ignoreEos: true } };
/** More than any of these tests waits for, however fast the machine. */
const LONG = 1900;
const { STAGE_STATE_SERVING: SERVING, STAGE_STATE_FAILED: FAILED } = StageState;

type Asked = Parameters<ThinkerProcess['client']['generate']>[0];

interface Seen {
  ids: number[];
  stages: number[];
}

/** The answer's tokens, each with the stage that computed it, up to where there are enough of them. */
async function staged(
  { client }: ThinkerProcess,
  request: Asked,
  enough: (seen: Seen) => boolean = () => false,
): Promise<Seen> {
  const seen: Seen = { ids: [], stages: [] };
  for await (const { event } of client.generate(request)) {
    if (event?.$case !== 'piece') continue;
    seen.ids.push(...event.value.tokenIds);
    seen.stages.push(...event.value.tokenIds.map(() => event.value.stage));
    if (enough(seen)) break;
  }
  return seen;
}

/** The answers to all of these, once each has said something; `enough` as in `staged`. */
async function begun(
  thinker: ThinkerProcess,
  asked: { request: Asked; enough: (seen: Seen) => boolean }[],
): Promise<Promise<Seen>[]> {
  let answers: Promise<Seen>[] = [];
  const spoken = asked.map(
    ({ request, enough }) =>
      new Promise<void>((resolve) => {
        const look = (seen: Seen) => {
          if (seen.ids.length >= 12) resolve();
          return enough(seen);
        };
        answers = [...answers, staged(thinker, request, look)];
      }),
  );
  // One that fails has nothing more to say.
  await Promise.race([Promise.all(spoken), Promise.all(answers)]);
  return answers;
}

/** Whether this stage has computed the last eight tokens. */
const settledAt =
  (stage: number) =>
  ({ stages }: Seen) =>
    stages.length >= 8 && stages.slice(-8).every((one) => one === stage);

/** Resolves with what the thinker says of itself once it is so. */
async function until(
  { client }: ThinkerProcess,
  so: (about: DescribeResponse) => boolean,
): Promise<DescribeResponse> {
  for (;;) {
    const about = await client.describe({});
    if (so(about)) return about;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const top = ({ stages }: DescribeResponse) => stages.filter(({ attached }) => attached).length - 1;

/** Turns one byte of the file over, as a bad disk does: the inode stays. */
async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte[0] = (byte[0] as number) ^ 0x10;
  await file.write(byte, 0, 1, offset);
  await file.close();
}

withModel('a climb', () => {
  let layers: StageLayer[];
  let digest: string;
  let home: string;
  let origin: FolderServer;
  const blob = (stage: number) => `/blobs/sha256/${layers[stage]?.digest.slice('sha256:'.length)}`;
  /** Holds the blobs of these stages back. */
  const hold = (...stages: number[]) => {
    const paths = new Set(stages.map(blob));
    origin.hold((path) => paths.has(path));
  };
  const start = (env: Record<string, string> = {}) =>
    startProcess(origin.url, { ZEN_HOME: home, ZEN_PROBE_LISTEN: '127.0.0.1:0', ...env }, 'listening');
  /** Where the thinker keeps the stage. */
  const cached = (stage: number) => join(home, 'artifacts', digest.slice('sha256:'.length), blob(stage));

  beforeEach(async () => {
    ({ layers, digest } = (await openLadder(folder)).manifest);
    home = await mkdtemp(join(tmpdir(), 'zen-climb-'));
    origin = await FolderServer.start(folder);
  });
  afterEach(async () => {
    await origin.stop();
    await rm(home, { recursive: true });
  });

  test('from an empty disk: answers with stage 0, then rises under running answers', async () => {
    hold(0, 1, 2, 3, 4);
    const thinker = await start();
    const about = await until(thinker, ({ model }) => model !== '');
    expect(about.progress).toMatchObject({ state: ReplicaState.REPLICA_STATE_FETCHING, bytesPresent: 0n });
    // The metadata is enough for these.
    const { tokenIds } = await thinker.client.tokenize({ input: { $case: 'text', value: 'hello' } });
    expect(tokenIds.length).toBeGreaterThan(0);
    await expect(staged(thinker, { ...greedy, maxTokens: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });

    hold(1, 2, 3, 4);
    await until(thinker, (now) => top(now) === 0);
    const ask = { ...greedy, maxTokens: LONG };
    let risen = false;
    const answers = await begun(thinker, [
      {
        request: ask,
        enough: (seen) => {
          risen ||= settledAt(4)(seen);
          return risen;
        },
      },
      { request: { ...ask, upgrade: Upgrade.UPGRADE_NEVER }, enough: () => risen },
      { request: { ...ask, stage: 0 }, enough: () => risen },
    ]);
    for (const stage of [1, 2, 3, 4]) {
      hold(...[2, 3, 4].filter((one) => one > stage));
      await until(thinker, (now) => top(now) >= stage);
    }
    const [follows, never, pinned] = (await Promise.all(answers)) as [Seen, Seen, Seen];
    expect(new Set([...never.stages, ...pinned.stages])).toEqual(new Set([0]));
    const both = Math.min(never.ids.length, pinned.ids.length);
    expect(never.ids.slice(0, both)).toEqual(pinned.ids.slice(0, both));
    // Never down again, and up to the top.
    expect([...follows.stages].sort()).toEqual(follows.stages);
    expect([follows.stages[0], follows.stages.at(-1)]).toEqual([0, 4]);
    const border = Math.min(follows.stages.lastIndexOf(0) + 1, pinned.ids.length);
    expect(follows.ids.slice(0, border)).toEqual(pinned.ids.slice(0, border));
    expect((await thinker.client.describe({})).progress).toMatchObject({
      state: ReplicaState.REPLICA_STATE_COMPLETE,
      reason: '',
    });
    await thinker.stop('SIGKILL');
  });
  test('a bit that flips under a running server: one stage down, fetched again, up again', async () => {
    const thinker = await start({ ZEN_SCRUB_RATE: '256MiB' });
    await complete(thinker);
    const ask = { ...greedy, maxTokens: LONG };
    let over = false;
    const all = Promise.allSettled(
      await begun(thinker, [
        { request: ask, enough: settledAt(2) },
        { request: { ...ask, stage: 4 }, enough: () => false },
        { request: { ...ask, stage: 1 }, enough: () => over },
      ]),
    );
    hold(3);
    await flip(cached(3), 5_000_000);
    const fallen = await until(thinker, (now) => top(now) === 2);
    expect(fallen.stages.map(({ state }) => state).slice(2, 4)).toEqual([SERVING, FAILED]);
    expect(fallen.progress).toMatchObject({
      state: ReplicaState.REPLICA_STATE_SERVING,
      reason: 'stage 3: its bytes on the disk are bad',
    });
    await expect(staged(thinker, { ...ask, stage: 3 })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    over = true;
    const [follows, pinnedAbove, pinnedBelow] = await all;
    expect(pinnedAbove).toMatchObject({
      reason: { code: 'UNAVAILABLE', message: expect.stringMatching(/stage: 4 was lost/) },
    });
    const below = (pinnedBelow as PromiseFulfilledResult<Seen>).value;
    expect(new Set(below.stages)).toEqual(new Set([1]));
    const { ids, stages } = (follows as PromiseFulfilledResult<Seen>).value;
    const border = stages.indexOf(2);
    expect(new Set(stages.slice(0, border))).toEqual(new Set([4]));
    expect(new Set(stages.slice(border))).toEqual(new Set([2]));
    // Nothing of the lost stages is in what came after, neither tokens nor keys and values.
    const rest = await staged(thinker, {
      ...ask,
      prompt: tokens([...PROMPT, ...ids.slice(0, border)]),
      maxTokens: ids.length - border,
      stage: 2,
    });
    expect(ids.slice(border)).toEqual(rest.ids);

    const before = origin.bytesSent;
    hold();
    const risen = await until(thinker, (now) => top(now) === 4);
    expect(risen.progress).toMatchObject({ state: ReplicaState.REPLICA_STATE_COMPLETE, corruptChunks: 1n });
    // One chunk of 4 MiB, no more.
    expect(origin.bytesSent - before).toBe(4 * 2 ** 20);
    await complete(thinker);
    await thinker.stop('SIGKILL');
  });

  test('kill -9 in the middle: the next process serves what is verified, without an origin too', async () => {
    hold(2, 3, 4);
    const first = await start();
    await until(first, (now) => top(now) === 1);
    await first.stop('SIGKILL');
    const port = Number(new URL(origin.url).port);
    await origin.stop();
    const second = await start();
    const alone = await until(second, (now) => top(now) === 1 && now.progress?.reason !== '');
    expect(alone.progress?.state).toBe(ReplicaState.REPLICA_STATE_SERVING);
    expect((await staged(second, { ...greedy, maxTokens: 4 })).stages).toEqual([1, 1, 1, 1]);
    origin = await FolderServer.start(folder, port);
    await complete(second);
    const missing = layers.slice(2).reduce((sum, { bytes }) => sum + bytes, 0);
    // What the first process had is not fetched again; manifest and config may be asked for.
    expect(origin.bytesSent).toBeLessThan(missing + 4 * 2 ** 20);
    await second.stop('SIGKILL');
  });

  test('an origin that is down at first: absent, with the reason, and served once it is back', async () => {
    const port = Number(new URL(origin.url).port);
    await origin.stop();
    const thinker = await start();
    const absent = await until(thinker, ({ progress }) => progress?.reason !== '');
    expect(absent.progress?.state).toBe(ReplicaState.REPLICA_STATE_ABSENT);
    await expect(collect(thinker.client.generate({ ...greedy, maxTokens: 1 }))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/the model is not here yet/),
    });
    origin = await FolderServer.start(folder, port);
    await until(thinker, ({ progress }) => progress?.state === ReplicaState.REPLICA_STATE_COMPLETE);
    await thinker.stop('SIGKILL');
  });

  test('a local folder has nowhere to fetch from: it stays below, says so, and rises when it is put right', async () => {
    await cp(folder, join(home, 'copy'), { recursive: true });
    const path = join(home, 'copy', blob(1));
    const thinker = await startProcess(join(home, 'copy'), { ZEN_SCRUB_RATE: '256MiB' });
    await complete(thinker);
    await flip(path, 100);
    const fallen = await until(thinker, ({ progress }) => /no origin/.test(progress?.reason ?? ''));
    expect([top(fallen), fallen.progress?.state]).toEqual([0, ReplicaState.REPLICA_STATE_SERVING]);
    expect((await staged(thinker, { ...greedy, maxTokens: 3 })).stages).toEqual([0, 0, 0]);
    await flip(path, 100);
    await complete(thinker);
    await thinker.stop('SIGKILL');
  });

  test('stage 0 gone bad: not ready, and ready again after the repair', async () => {
    const thinker = await start({ ZEN_SCRUB_RATE: '256MiB' });
    await complete(thinker);
    hold(0);
    await flip(cached(0), 1_000_000);
    const fallen = await until(thinker, (now) => top(now) === -1);
    expect(fallen.progress?.state).toBe(ReplicaState.REPLICA_STATE_FAILED);
    await expect(staged(thinker, { ...greedy, maxTokens: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    hold();
    await complete(thinker);
    expect((await staged(thinker, { ...greedy, maxTokens: 2 })).stages).toEqual([4, 4]);
    await thinker.stop('SIGKILL');
  });
});
