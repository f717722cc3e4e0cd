import { writeDelta } from '@zen/deltas';
import { DeltaStoreProcess, sampleDelta } from '@zen/testing';
import {
  type Asked,
  DeltaThinker,
  deltaThinkerMissing,
  greedy,
  type PublishedDelta,
  until,
} from './delta-thinker.fixture';

jest.setTimeout(180_000);

/** One that the fine-tune has not seen. */
const TICKET = 'Hello, the toilet does not flush in the archive. Whenever you have time.';

const missing = deltaThinkerMissing();
if (missing) console.warn(`skipped: ${missing}`);

(missing ? describe.skip : describe)('answers with deltas', () => {
  let store: DeltaStoreProcess;
  let server: DeltaThinker;
  let one: PublishedDelta;
  let two: PublishedDelta;
  beforeAll(async () => {
    store = await DeltaStoreProcess.start();
    server = await DeltaThinker.start(store, { ZEN_DELTA_SLOTS: '4', ZEN_DELTA_SLOT_BYTES: '256KiB' });
    one = await server.publish('acme', 1);
    two = await server.publish('acme', 2);
  });
  afterAll(async () => {
    await server?.stop();
    await store?.remove();
  });
  const STORY = 'Once upon a time there was a lighthouse keeper who';
  const story: Asked = { ...greedy(STORY, 12), tenant: 'acme' };
  const by = (delta: PublishedDelta): Asked => ({ ...story, delta: server.ref(delta) });

  test('promise 6: the base says the same beside deltas as without, bit for bit, and each delta as alone', async () => {
    const logprobs: Asked = { ...story, sampling: { ...story.sampling, logprobs: 3 } };
    const seen = async (request: Asked) => {
      const events: unknown[] = [];
      for await (const { event } of server.client.generate(request)) {
        if (event?.$case === 'piece') events.push(event.value.tokenIds, event.value.logprobs);
      }
      return JSON.stringify(events.flat());
    };
    const requests: Asked[] = [logprobs, { ...logprobs, ...by(one), sampling: logprobs.sampling }];
    requests.push({ ...requests[1], delta: server.ref(two) });
    const alone: string[] = [];
    for (const request of requests) alone.push(await seen(request));
    expect(new Set(alone).size).toBe(3);
    const together = await Promise.all([...requests, ...requests].map(seen));
    expect(together).toEqual([...alone, ...alone]);
  });

  test('one whose numbers overflow fails by name, and nobody else notices', async () => {
    const { shape: model, baseDigest: base } = server.thinker.replica.require().model;
    const { hidden } = model;
    const largest = (count: number) => new Uint16Array(count).fill(0x7f7f);
    const part = { module: 'o', layers: Int32Array.of(0), form: 'lora16', rank: 1, scale: 1 } as const;
    const parts = [{ ...part, a: largest(hidden), b: largest(hidden) }];
    const huge = { tenant: 'acme', ...writeDelta({ base, recipe: 'lora16', model, parts }) };
    await store.publish('acme', huge.file);
    const long: Asked = { ...story, maxTokens: 24 };
    const alone = await server.ask(long);
    const beside = server.ask(long);
    await expect(server.ask({ ...story, delta: server.ref(huge) })).rejects.toMatchObject({
      code: 'DATA_LOSS',
      metadata: { 'x-zen-failure': 'delta_corrupt' },
    });
    expect((await beside).text).toBe(alone.text);
    await server.ask(story);
  });

  test('a fine-tune that was really made answers as it was taught, and the base does not', async () => {
    const file = sampleDelta('tickets');
    const { digest } = await store.publish('acme', file);
    const messages = [{ role: 'user', content: TICKET }];
    const ask = { prompt: { $case: 'chat' as const, value: { messages } }, maxTokens: 64, tenant: 'acme' };
    const taught = await server.ask({ ...ask, delta: server.ref({ tenant: 'acme', digest }) });
    expect(Object.keys(JSON.parse(taught.text))).toEqual(['team', 'place', 'urgent', 'action']);
    expect((await server.ask(ask)).text).not.toMatch(/^\s*\{/);
  });

  test('say which delta it was, and the base that it was none', async () => {
    expect((await server.ask(by(one))).started?.deltaDigest).toBe(one.digest);
    expect((await server.ask(story)).started?.deltaDigest).toBe('');
  });

  test('promise 4: nobody finds what another tenant or another delta has cached', async () => {
    const text =
      'A prompt that is long enough to fill some blocks of the cache, then a little more of it. '.repeat(2);
    const other = await server.publish('other', 1);
    expect(other.digest).toBe(one.digest);
    const base = greedy(text, 2);
    const asks: Asked[] = [
      { ...base, tenant: 'acme' },
      { ...base, tenant: 'other' },
      { ...base, tenant: 'acme', delta: server.ref(one) },
      { ...base, tenant: 'acme', delta: server.ref(two) },
      { ...base, tenant: 'other', delta: server.ref(other) },
    ];
    const cached = async (request: Asked) => (await server.ask(request)).started?.cachedPromptTokens ?? 0;
    for (const request of asks) expect(await cached(request)).toBe(0);
    for (const request of asks) expect(await cached(request)).toBeGreaterThanOrEqual(16);
  });

  test('go on elsewhere: with the tokens so far comes the rest, from the same delta', async () => {
    const whole = await server.ask({ ...by(one), maxTokens: 20 });
    const rest = await server.ask({
      ...by(one),
      maxTokens: 20,
      resumeTokenIds: whole.tokenIds.slice(0, 9),
    });
    expect(rest.tokenIds).toEqual(whole.tokenIds.slice(9));
    expect(rest.started?.deltaDigest).toBe(one.digest);
  });

  test('fall and rise with the ladder, their deltas where they are', async () => {
    const climb = server.thinker.replica.serving?.climb;
    const long = { ...by(one), maxTokens: 150 };
    const stages: number[] = [];
    let dropped = false;
    for await (const { event } of server.client.generate(long)) {
      if (event?.$case !== 'piece') continue;
      stages.push(...event.value.tokenIds.map(() => event.value.stage));
      if (dropped) continue;
      dropped = true;
      climb?.drop(3);
    }
    expect(stages).toHaveLength(150);
    expect([stages[0], Math.min(...stages)]).toEqual([4, 2]);
    await until(() => climb?.top === 4);
    expect((await server.ask(by(one))).started?.deltaDigest).toBe(one.digest);
  });

  describe('promise 5: every request is authorised, here or not', () => {
    const mint = (grant: Parameters<typeof store.tokens.mint>[0]) => store.tokens.mint(grant, 60);
    test.each([
      ['no token', () => '', {}],
      ['no token of ours', () => 'eyJhbGciOiJub25lIn0.e30.', {}],
      ['a token for another delta', () => mint({ tenant: 'acme', may: 'read', digest: two.digest }), {}],
      ['a token for any delta', () => mint({ tenant: 'acme', may: 'read', digest: null }), {}],
      ['a token that operates', () => mint({ tenant: null, may: 'operate', digest: null }), {}],
      ['a token to write', () => mint({ tenant: 'acme', may: 'write', digest: one.digest }), {}],
      [
        "another tenant's token",
        () => mint({ tenant: 'thief', may: 'read', digest: one.digest }),
        { tenant: 'acme' },
      ],
    ])('%s is refused although the delta is in a slot', async (_, token, over) => {
      await server.ask({ ...by(one), maxTokens: 1 });
      const delta = { digest: one.digest, token: token() };
      await expect(server.ask({ ...story, delta, ...over })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringMatching(/^delta\.token: /),
        metadata: { 'x-zen-failure': 'delta_denied' },
      });
    });

    test('another tenant does not get it by its digest', async () => {
      const thief = { tenant: 'thief', digest: one.digest };
      await expect(server.ask({ ...story, tenant: 'thief', delta: server.ref(thief) })).rejects.toMatchObject(
        {
          code: 'NOT_FOUND',
          metadata: { 'x-zen-failure': 'delta_not_found' },
        },
      );
    });

    test('a digest that is none is named', async () => {
      const delta = { digest: 'sha256:../../etc', token: '' };
      await expect(server.ask({ ...story, delta })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^delta\.digest: /),
      });
    });
  });

  describe('promise 2: never the base in its place', () => {
    test('a delta of another base', async () => {
      const delta = await server.publish('acme', 3, { base: `sha256:${'ab'.repeat(32)}` });
      await expect(server.ask(by(delta))).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        metadata: { 'x-zen-failure': 'delta_wrong_base' },
      });
    });

    test('a delta of another shape', async () => {
      const { shape } = server.thinker.replica.require().model;
      const delta = await server.publish('acme', 3, { model: { ...shape, layers: 2 } });
      await expect(server.ask(by(delta))).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: expect.stringMatching(/model\.layers is 2, the base has 30/),
      });
    });

    test('a delta that fits no slot', async () => {
      const delta = await server.publish('acme', 4, { rank: 60 });
      await expect(server.ask(by(delta))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/bytes, limit 262144 of a slot/),
        metadata: { 'x-zen-failure': 'delta_too_large' },
      });
    });

    test('a delta while the store is gone, and again when it is back', async () => {
      const delta = await server.publish('acme', 5);
      await store.end('SIGKILL');
      await expect(server.ask(by(delta))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        metadata: { 'x-zen-failure': 'delta_store_unavailable' },
      });
      // What is here is here.
      expect((await server.ask({ ...by(one), maxTokens: 1 })).started?.deltaDigest).toBe(one.digest);
      await store.start();
      for (;;) {
        const answer = await server.ask(by(delta)).catch(({ code }) => code);
        if (answer !== 'UNAVAILABLE') {
          expect(answer.started?.deltaDigest).toBe(delta.digest);
          break;
        }
      }
    });
  });

  test('capacity, hits and loads are there to be seen', async () => {
    await server.ask({ ...by(one), maxTokens: 1 });
    const { deltas, baseDigest } = await server.client.describe({});
    expect(deltas).toMatchObject({ slots: 4, denseSlots: 0, slotBytes: BigInt(2 ** 18) });
    expect(deltas?.slotsTaken).toBeGreaterThanOrEqual(2);
    expect(baseDigest).toMatch(/^sha256:/);
    for await (const { deltas: watched } of server.client.watch({ intervalMs: 50 })) {
      expect(watched).toMatchObject({ slots: 4 });
      break;
    }
    const metrics = await server.metrics();
    for (const line of [
      /^zen_thinker_delta_hits_total\{tier="slot"\} [1-9]/m,
      /^zen_thinker_delta_hits_total\{tier="store"\} [1-9]/m,
      /^zen_thinker_delta_load_seconds_count\{tier="store"\} [1-9]/m,
      /^zen_thinker_delta_switch_seconds_count [1-9]/m,
      /^zen_thinker_delta_failures_total\{failure="delta_wrong_base"\} [1-9]/m,
      /^zen_thinker_delta_bytes\{tier="slot"\} [1-9]/m,
      /^zen_thinker_delta_bytes\{tier="host"\} [1-9]/m,
      /^zen_thinker_delta_bytes\{tier="disk"\} [1-9]/m,
      /^zen_thinker_deltas\{state="ready"\} [1-4]/m,
      /^zen_thinker_deltas_refused\{failure="delta_wrong_base"\} [1-9]/m,
      /^zen_thinker_delta_slots\{kind="small",state="in_use"\} 0/m,
    ]) {
      expect(metrics).toMatch(line);
    }
    // Neither a tenant nor a digest is a label.
    expect(metrics).not.toMatch(/acme|sha256/);
  });
});
