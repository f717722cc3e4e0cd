import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DescribeResponse, ExpertFloor, type ExpertState } from '@zen/contracts';
import {
  endServices,
  packTinyMixture,
  type ServiceProcess,
  serviceMissing,
  startService,
} from '@zen/testing';
import { startProcess, type ThinkerProcess } from '../thinker-process.fixture';
import { FixedRouter } from './fixed-router.fixture';

jest.setTimeout(180_000);

const missing = serviceMissing('thinker', 'expert', 'expert-router');
if (missing) console.warn(`skipped: ${missing}`);
const whenBuilt = missing ? describe.skip : describe;

const ALL = [0, 1, 2, 3];
const TOKENS = 40;
const PROMPT = [...Array(24).keys()].map((i) => 3 + 17 * i);
const { EXPERT_FLOOR_EXACT: EXACT, EXPERT_FLOOR_WITHOUT: WITHOUT } = ExpertFloor;

/** With its name to the router. */
type PodProcess = ServiceProcess & { name: string };

interface Said {
  ids: number[];
  falls: number;
}

whenBuilt('experts in pods', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zen-experts-'));
  let digest = '';
  let router: FixedRouter;
  let thinker: ThinkerProcess;
  let pods = 0;
  /** One process alone, for what the answers ought to be. */
  let local: ThinkerProcess;
  /** Pods that live from test to test. */
  let a: PodProcess;
  let b: PodProcess;
  let c: PodProcess;

  const startPod = async (): Promise<PodProcess> => {
    const name = `pod-${pods++}`;
    const env = { ZEN_LADDER: folder, ZEN_EXPERT_POD: name, ZEN_EXPERTS_PER_LAYER: '4', ZEN_THREADS: '1' };
    return { name, ...(await startService('expert', env)) };
  };
  const startThinker = (env: Record<string, string> = {}, at: FixedRouter | { address: string } = router) =>
    startProcess(
      folder,
      // No pod is given up for the slowness of the machine.
      { ZEN_THREADS: '1', ZEN_EXPERT_ROUTER: at.address, ZEN_EXPERT_TIMEOUT: '120s', ...env },
      'listening',
    );

  beforeAll(async () => {
    ({ digest } = (await packTinyMixture(folder)).manifest);
    router = await new FixedRouter(digest).start();
    [local, thinker, a, b, c] = await Promise.all([
      startProcess(folder, { ZEN_THREADS: '1' }, 'listening'),
      startThinker(),
      startPod(),
      startPod(),
      startPod(),
    ]);
    await until(local, ({ stages }) => stages.length === 5 && stages.every(({ attached }) => attached));
  });
  afterAll(async () => {
    endServices();
    await router?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A greedy answer; `onTokens` sees how many there are so far, and may hold the reader back. */
  async function ask(
    { client }: ThinkerProcess,
    prompt: number[],
    expertFloor?: ExpertFloor,
    onTokens: (count: number) => unknown = () => undefined,
    maxTokens = TOKENS,
  ): Promise<Said> {
    const said: Said = { ids: [], falls: 0 };
    const request = {
      prompt: { $case: 'tokens' as const, value: { tokenIds: prompt } },
      sampling: { temperature: 0, ignoreEos: true },
      maxTokens,
      stage: 4,
      ...(expertFloor === undefined ? {} : { expertFloor }),
    };
    for await (const { event } of client.generate(request)) {
      if (event?.$case === 'piece') {
        said.ids.push(...event.value.tokenIds);
        await onTokens(said.ids.length);
      } else if (event?.$case === 'finished') {
        const { standIn = 0n, without = 0n } = event.value.expertFalls ?? {};
        said.falls = Number(standIn + without);
      }
    }
    return said;
  }

  const state = async ({ client }: ThinkerProcess) => (await client.describe({})).experts as ExpertState;
  /** Everything is where the last placement says, and the thinker can ask for it. */
  const settled = (remote = ALL.length * 2) =>
    until(
      thinker,
      ({ experts, stages }) =>
        experts?.placementVersion === router.placed &&
        experts.remote === remote &&
        stages.every(({ attached }) => attached),
    );
  /** A prompt that nobody has computed yet: no cached keys and values help. */
  let fresh = 0;
  const newPrompt = () => [++fresh, ...PROMPT];

  test('the same bits in every placement', async () => {
    for (const [ofA, ofB] of [
      [ALL, []],
      [
        [0, 1],
        [2, 3],
      ],
      [
        [1, 3],
        [0, 2],
      ],
      [ALL, ALL],
    ] as const) {
      await router.place([
        [a, ofA],
        [b, ofB],
      ]);
      await settled();
      const prompt = newPrompt();
      const before = await state(thinker);
      const [here, there] = await Promise.all([ask(local, prompt), ask(thinker, prompt, EXACT)]);
      expect(there).toEqual({ ids: here.ids, falls: 0 });
      expect(here.ids).toHaveLength(TOKENS);
      expect((await state(thinker)).remotePairs).toBeGreaterThan(before.remotePairs);
    }
  });

  test('a pod that stops answering: a replica is asked after a while, the answer is the same', async () => {
    const { hedgedCalls } = await state(thinker);
    // On a slow machine the pod that has just been asked may be forgotten before it counts: then once more.
    while ((await state(thinker)).hedgedCalls === hedgedCalls) {
      // All experts are there only when both pods are connected.
      await router.place([
        [a, [0, 1, 2]],
        [c, [3]],
      ]);
      await settled();
      // One has just been asked, the other long ago or never: what is not known is tried first.
      await router.place([
        [b, ALL],
        [c, []],
      ]);
      await settled();
      await ask(thinker, newPrompt());
      await router.place([
        [b, ALL],
        [c, ALL],
      ]);
      await settled();
      c.child.kill('SIGSTOP');
      const prompt = newPrompt();
      const there = await ask(thinker, prompt, EXACT);
      c.child.kill('SIGCONT');
      expect(there).toEqual({ ids: (await ask(local, prompt)).ids, falls: 0 });
    }
  });

  test('an expert that nobody has: a stand-in, told; exact waits for it and is whole', async () => {
    const prompt = newPrompt();
    // What the placement before says holds for a while, unless its pods are gone.
    await Promise.all([b.end('SIGKILL'), c.end('SIGKILL')]);
    await router.place([[a, [0, 1, 2]]]);
    await settled(6);
    expect(await state(thinker)).toMatchObject({ remote: 6, standInOnly: 2, missing: 0 });
    let tokens = 0;
    const exact = ask(thinker, prompt, EXACT, (count) => {
      tokens = count;
    });
    const [standIn, without] = await Promise.all([ask(thinker, prompt), ask(thinker, prompt, WITHOUT)]);
    for (const { ids, falls } of [standIn, without]) {
      expect(ids).toHaveLength(TOKENS);
      expect(falls).toBeGreaterThan(0);
    }
    const whole = await ask(local, prompt);
    expect(tokens).toBeLessThan(TOKENS);
    await router.place([[a, ALL]]);
    // Nothing that was computed with stand-ins is in it, not even keys and values of the same prompt.
    expect(await exact).toEqual({ ids: whole.ids, falls: 0 });
    expect((await state(thinker)).falls?.standIn).toBeGreaterThan(0n);
  });

  test('the router goes: answers go on by its last placement; it hears of the load once it is back', async () => {
    const prompt = newPrompt();
    await router.place([[a, ALL]]);
    await settled();
    await router.stop();
    expect(await ask(thinker, prompt, EXACT)).toEqual({ ids: (await ask(local, prompt)).ids, falls: 0 });
    router.reports.length = 0;
    await router.start();
    await until(thinker, () => router.reports.some(({ tokens }) => tokens.some((rows) => rows > 0)));
  });

  test('without stand-ins it is ready when every expert has a pod, and not before', async () => {
    const empty = await new FixedRouter(digest).start();
    const alone = await startThinker({ ZEN_EXPERT_STAND_IN: '-1' }, empty);
    const waits = await until(alone, ({ progress }) => /no pod has 8 of its 8/.test(progress?.reason ?? ''));
    expect(waits.stages.some(({ attached }) => attached)).toBe(false);
    await empty.place([[a, ALL]]);
    await until(alone, ({ stages }) => stages.every(({ attached }) => attached));
    const prompt = newPrompt();
    expect(await ask(alone, prompt)).toEqual({ ids: (await ask(local, prompt)).ids, falls: 0 });
    await alone.stop('SIGKILL');
    await empty.stop();
  });

  test('killed under answers: with a replica nobody notices; without, one takes stand-ins and one waits', async () => {
    const long = 300;
    b = await startPod();
    await router.place([
      [a, ALL],
      [b, ALL],
    ]);
    await settled();
    const first = newPrompt();
    const there = await ask(
      thinker,
      first,
      EXACT,
      (count) => (count >= 5 ? a.end('SIGKILL') : undefined),
      long,
    );
    expect(there).toEqual({ ids: (await ask(local, first, undefined, undefined, long)).ids, falls: 0 });

    const second = newPrompt();
    const kill = (count: number) => (count >= 5 ? b.end('SIGKILL') : undefined);
    const exact = ask(thinker, second, EXACT, kill, long);
    const standIn = await ask(thinker, second, undefined, kill, long);
    expect(standIn.ids).toHaveLength(long);
    c = await startPod();
    await router.place([[c, ALL]]);
    expect(await exact).toEqual({
      ids: (await ask(local, second, undefined, undefined, long)).ids,
      falls: 0,
    });
  });

  test('with the expert-router itself: placed by it, and on without it', async () => {
    const d = await startPod();
    const real = await startService('expert-router', {
      ZEN_EXPERT_PODS: `${c.address},${d.address}`,
    });
    const other = await startThinker({}, real);
    await until(other, ({ experts, stages }) => {
      return experts?.remote === 8 && stages.every(({ attached }) => attached);
    });
    const [first, second] = [newPrompt(), newPrompt()];
    expect(await ask(other, first, EXACT)).toEqual({ ids: (await ask(local, first)).ids, falls: 0 });
    await real.end('SIGKILL');
    expect(await ask(other, second, EXACT)).toEqual({ ids: (await ask(local, second)).ids, falls: 0 });
    await other.stop('SIGKILL');
  });

  async function until(
    { client }: ThinkerProcess,
    so: (about: DescribeResponse) => boolean,
  ): Promise<DescribeResponse> {
    for (;;) {
      const about = await client.describe({});
      if (so(about)) return about;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});
