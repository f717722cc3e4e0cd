import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpertFailure, type ExpertPodState } from '@zen/contracts';
import { loadEngine, type NativeModel } from '@zen/engine';
import type { OpenLadder } from '@zen/ladder';
import { ExpertPodProcess, endServices, healthClient, packTinyMixture, serviceMissing } from '@zen/testing';
import { allExperts, callOf, floatsOf, LocalExperts, wireCall } from './expert-calls.fixture';

jest.setTimeout(120_000);

const missing = serviceMissing('expert');
if (missing) console.warn(`skipped: ${missing}`);

const { EXPERT_FAILURE_UNSPECIFIED: OK, EXPERT_FAILURE_NOT_HELD, EXPERT_FAILURE_INVALID } = ExpertFailure;

async function health({ address }: ExpertPodProcess): Promise<string> {
  const asking = healthClient(address);
  try {
    return await asking.status('');
  } finally {
    asking.close();
  }
}

(missing ? describe.skip : describe)('an expert pod', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'zen-expert-'));
  let ladder: OpenLadder;
  let local: LocalExperts;
  let pod: ExpertPodProcess;
  const env = (change: Record<string, string> = {}) => ({
    ZEN_LADDER: ladder.folder,
    ZEN_EXPERTS_PER_LAYER: '4',
    ZEN_EXPERT_POD: 'pod-a',
    ...change,
  });
  beforeAll(async () => {
    ladder = await packTinyMixture(join(scratch, 'ladder'));
    local = await LocalExperts.open(ladder);
    pod = await ExpertPodProcess.start(env({ ZEN_EXPERT_GRACE: '1h' }));
    await pod.hold(10n, allExperts(ladder));
  });
  afterAll(async () => {
    local?.close();
    endServices();
    rmSync(scratch, { recursive: true });
  });

  test('says what it is and what it holds', async () => {
    const state = await pod.until(({ heldVersion }) => heldVersion === 10n);
    expect(state).toMatchObject({
      pod: 'pod-a',
      artifactDigest: ladder.digest,
      layers: 2,
      experts: 4,
      expertsPerLayer: 4,
      assignedVersion: 10n,
      held: allExperts(ladder),
      heldStage: 4,
      draining: false,
      reason: '',
    });
    expect(state.bytesHeld).toBeGreaterThan(0n);
    expect(await health(pod)).toBe('SERVING');
  });

  test('many calls of several callers side by side: each the bits that a local engine computes', async () => {
    const callers = [pod.open(), pod.open(), pod.open()];
    const calls = callers.flatMap((caller, c) =>
      [...new Array(24).keys()].map((i) => ({
        caller,
        call: callOf(ladder, {
          layer: i % 2,
          stage: i % 5,
          encoding: 1 + (i % 4),
          answerEncoding: 1 + (i % 2),
          experts: [[0], [1, 3], [0, 1, 2, 3]][(i + c) % 3]!,
          count: 1 + ((7 * i + c) % 9),
          seed: 100 * c + i,
        }),
      })),
    );
    const answers = calls.map(({ caller, call }) => caller.run(call));
    for (const [index, answer] of answers.entries()) {
      const { failure, outputs, message } = await answer;
      expect([failure, message]).toEqual([OK, '']);
      expect(outputs.equals(await local.run(calls[index]!.call))).toBe(true);
    }
    for (const { stream, over } of callers) {
      stream.end();
      expect(await over).toBeNull();
    }
  });

  test('a model whose experts are all in the pod has the logits of one that has them itself', async () => {
    const caller = pod.open();
    const { layers, experts, vocabSize } = ladder.config.model;
    const options = {
      threads: 1,
      kvBytes: 2 ** 22,
      kvType: 'f16' as const,
      contextTokens: 64,
      tokenBytes: new Uint8Array(0),
      tokenOffsets: new Uint32Array(vocabSize + 1),
    };
    const whole = loadEngine().open(ladder.configJson, options);
    let calls = 0;
    const away: NativeModel = loadEngine().open(ladder.configJson, {
      ...options,
      experts: {
        resident: new Int8Array(layers * experts!.count).fill(-1),
        dispatch: (call) => {
          calls += 1;
          caller.run(wireCall(call)).then(
            ({ outputs }) =>
              away.completeExperts(call.id, floatsOf(outputs), new Uint8Array(call.experts.length)),
            () =>
              away.completeExperts(call.id, new Float32Array(0), new Uint8Array(call.experts.length).fill(1)),
          );
        },
      },
    });
    try {
      const tokens = Int32Array.from({ length: 20 }, (_, i) => (i * 37) % vocabSize);
      for (const [stage, path] of ladder.stagePaths.entries()) {
        await Promise.all([whole.attachStage(stage, path), away.attachStage(stage, path)]);
        expect(await away.logits(stage, tokens)).toEqual(await whole.logits(stage, tokens));
      }
      expect(calls).toBeGreaterThanOrEqual(5 * layers);
    } finally {
      whole.close();
      away.close();
    }
    caller.stream.end();
  });

  test('refuses a bad call alone, and goes on', async () => {
    const caller = pod.open();
    const good = callOf(ladder);
    const bad = await caller.run({ ...good, pairs: [0, 1, 2, 0, 1, 3] });
    expect([bad.failure, bad.message]).toEqual([EXPERT_FAILURE_INVALID, 'pairs[5]: row 3 must be below 3']);
    const late = await caller.run({ ...good, deadlineUs: 1 });
    expect(late.failure).toBe(ExpertFailure.EXPERT_FAILURE_DEADLINE);
    expect((await caller.run(good)).outputs.equals(await local.run(good))).toBe(true);
  });

  test('an answer to a cancelled call never comes; those around it do', async () => {
    const caller = pod.open();
    const large = callOf(ladder, { count: 4000, experts: [0, 1, 2, 3] });
    let answered = false;
    const cancelled = caller.run(large);
    cancelled.then(
      () => {
        answered = true;
      },
      () => undefined,
    );
    caller.stream.send({ ...large, rows: Buffer.alloc(0), id: cancelled.id, cancel: true });
    const small = callOf(ladder, { seed: 3 });
    expect((await caller.run(small)).outputs.equals(await local.run(small))).toBe(true);
    await pod.until(({ callsInFlight }) => callsInFlight === 0);
    expect(answered).toBe(false);
    caller.stream.cancel();
    expect(await caller.over).toMatchObject({ code: 'CANCELLED' });
  });

  test('an assignment of another ladder, of before, or beyond what it takes is refused', async () => {
    const { client } = pod;
    const assign = (change: object) =>
      client.assign({ version: 11n, artifactDigest: ladder.digest, layers: allExperts(ladder), ...change });
    await expect(assign({ artifactDigest: `sha256:${'0'.repeat(64)}` })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      metadata: expect.objectContaining({ 'x-zen-failure': 'other_artifact' }),
    });
    await expect(assign({ version: 9n })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      metadata: expect.objectContaining({ 'x-zen-failure': 'old_version' }),
    });
    await expect(assign({ version: 10n, layers: [] })).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await expect(assign({ layers: [{ layer: 2, experts: [] }] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^layers\[0\].layer: 2 /),
    });
    const small = await ExpertPodProcess.start(env({ ZEN_EXPERTS_PER_LAYER: '1' }));
    await expect(small.assign(1n, [{ layer: 0, experts: [0, 1] }])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'layers[0].experts: 2 experts, limit 1',
    });
    await small.remove();
  });

  test('what is left out answers on for its grace, and not beyond it', async () => {
    const caller = pod.open();
    await pod.hold(20n, allExperts(ladder, [2]));
    const { held } = await pod.until(({ heldVersion }) => heldVersion === 20n);
    expect(held).toEqual(allExperts(ladder, [2]));
    const old = callOf(ladder, { experts: [0, 1] });
    expect((await caller.run(old)).outputs.equals(await local.run(old))).toBe(true);
    // The same assignment again, only newer, costs nothing.
    await pod.hold(21n, allExperts(ladder, [2]));
    await pod.hold(30n, allExperts(ladder));
    expect((await caller.run(old)).failure).toBe(OK);
    caller.stream.end();

    const short = await ExpertPodProcess.start(env({ ZEN_EXPERT_GRACE: '0s', ZEN_EXPERT_STAGE: '2' }));
    await short.hold(1n, allExperts(ladder));
    const other = short.open();
    const above = await other.run(callOf(ladder, { stage: 3 }));
    expect([above.failure, above.message]).toEqual([
      EXPERT_FAILURE_NOT_HELD,
      'experts: layer 0, expert 0 is held at stage 2, asked for 3',
    ]);
    const both = callOf(ladder, { stage: 2 });
    expect((await other.run(both)).failure).toBe(OK);
    await short.hold(2n, allExperts(ladder, [1]));
    while ((await other.run(both)).failure === OK) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await other.run(both)).message).toBe('experts: layer 0, expert 0 is not held, asked for 2');
    await short.remove();
  });

  test('SIGTERM: says that it goes, answers on, and ends its streams well', async () => {
    const going = await ExpertPodProcess.start(env({ ZEN_SETTLE: '3s' }));
    await going.hold(1n, allExperts(ladder));
    const caller = going.open();
    const call = callOf(ladder);
    await caller.run(call);
    const exited = going.end('SIGTERM');
    await going.until(({ draining }: ExpertPodState) => draining);
    expect(await health(going)).toBe('NOT_SERVING');
    expect((await caller.run(call)).outputs.equals(await local.run(call))).toBe(true);
    expect(await caller.over).toBeNull();
    expect(await exited).toBe(0);
  });

  test('kill -9 in the middle of a call: the caller hears of it, and another pod gives the same bits', async () => {
    const doomed = await ExpertPodProcess.start(env());
    await doomed.hold(1n, allExperts(ladder));
    const caller = doomed.open();
    const call = callOf(ladder, { count: 20_000, experts: [0, 1, 2, 3] });
    const answer = caller.run(call);
    const running = doomed.until(({ callsInFlight }) => callsInFlight > 0).catch(() => undefined);
    await Promise.race([running, answer]);
    await doomed.end('SIGKILL');
    await answer.catch((error) => expect(error).toMatchObject({ code: 'UNAVAILABLE' }));
    expect(await caller.over).toMatchObject({ code: 'UNAVAILABLE' });
    const small = callOf(ladder, { count: 50 });
    expect((await pod.open().run(small)).outputs.equals(await local.run(small))).toBe(true);
  });

  test('metrics tell calls, rows and times', async () => {
    const text = await (await fetch(`http://${pod.probeAddress}/metrics`)).text();
    expect(text).toMatch(/zen_expert_calls_total\{outcome="ok"\} [1-9]/);
    expect(text).toMatch(/zen_expert_calls_total\{outcome="invalid"\} 1/);
    expect(text).toMatch(/zen_expert_pairs_total [1-9]/);
    expect(text).toMatch(/zen_expert_compute_seconds_count [1-9]/);
    expect(text).toMatch(/zen_expert_held 8/);
    expect(text).toMatch(/zen_expert_rpcs_total\{method="zen.v1.ExpertService\/Assign",code="OK"\} [1-9]/);
    expect((await fetch(`http://${pod.probeAddress}/readyz`)).status).toBe(200);
  });

  test('--help says its settings; a ladder without experts and a bad setting stop it by name', async () => {
    const script = join(__dirname, '..', 'dist', 'main.js');
    const run = (argv: string[], set: Record<string, string>) =>
      spawnSync(process.execPath, [script, ...argv], { env: { ...process.env, ...set }, encoding: 'utf8' });
    expect(run(['--help'], {}).stdout).toMatch(/ZEN_EXPERTS_PER_LAYER .*\n.*ZEN_EXPERT_STAGE/);
    const bad = run([], { ZEN_LADDER: ladder.folder, ZEN_EXPERTS_PER_LAYER: '0', ZEN_EXPERT_STAGE: '5' });
    expect([bad.status, bad.stderr]).toEqual([
      2,
      expect.stringMatching(/ZEN_EXPERTS_PER_LAYER: .*\nZEN_EXPERT_STAGE: /),
    ]);
  });
});
