import { GatewayServiceDefinition } from '@zen/contracts';
import { client, RpcError } from '@zen/rpc';
import { chatOf, eventsOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(120_000);

const STAGES = [0, 1, 2, 3, 4].map((stage) => ({
  stage,
  decodeBaseUs: 1000,
  decodePerSequenceUs: 0,
  prefillUsPerToken: 0,
}));
const words = (count: number) => [...Array(count).keys()].map((i) => `w${i} `).join('');

interface Told {
  text: string;
  stages: number[];
  logprobs: number;
  usage: { completion_tokens: number } | undefined;
  error: { code: string; message: string } | undefined;
}

async function told(response: Response): Promise<Told> {
  const seen: Told = { text: '', stages: [], logprobs: 0, usage: undefined, error: undefined };
  for (const event of await eventsOf(response)) {
    if (event === '[DONE]') continue;
    const { choices, zen, usage, error } = JSON.parse(event);
    seen.text += choices?.[0]?.delta.content ?? '';
    seen.logprobs += choices?.[0]?.logprobs?.content.length ?? 0;
    if (zen) seen.stages.push(zen.stage);
    if (usage) seen.usage = usage;
    if (error) seen.error = error;
  }
  return seen;
}

describe('an answer whose thinker fails', () => {
  let running: Running;
  afterEach(() => running.stop());

  const ask = (count: number, more: object = {}, headers: Record<string, string> = {}) => {
    const options = { include_usage: true };
    const body = chatOf('hello', { max_tokens: count, stream: true, stream_options: options, ...more });
    return running.post('/v1/chat/completions', body, { headers });
  };
  const metric = async (name: string) => {
    const text = await (await fetch(`${running.url}/metrics`)).text();
    const found = text.split('\n').find((line) => line.startsWith(`zen_gateway_${name} `));
    return Number(found?.split(' ')[1] ?? 0);
  };

  test('wherever it breaks and however often: nothing is lost or said twice', async () => {
    const seed = Number(process.env.ZEN_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    let state = seed;
    const random = (below: number) => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    const failures = [
      () => new RpcError('UNAVAILABLE', 'stage: 1 was lost', { 'x-zen-failure': 'stage-lost' }),
      () => new RpcError('UNAVAILABLE', 'the server is shutting down', { 'x-zen-failure': 'draining' }),
      () => new RpcError('ABORTED', 'the client took nothing', { 'x-zen-failure': 'stalled' }),
      () => new RpcError('UNAVAILABLE', 'Connection dropped'),
    ];
    // One place in twenty breaks, and an answer has 120 of them; each goes on with at least one token more.
    const before = (index: number, { resumeTokenIds }: { resumeTokenIds: number[] }) => {
      if (index > resumeTokenIds.length && random(20) === 0) throw failures[random(failures.length)]?.();
    };
    const thinkers = [0, 1, 2].map(() => new PacedThinker({ stages: STAGES, before }));
    running = await openGateway(thinkers, { ZEN_RESUME_MOVES: '1000', ZEN_RESUME_WAIT: '60s' });
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    const overGrpc = async () => {
      let [text, logprobs, tokens] = ['', 0, 0];
      const sampling = { logprobs: 0 };
      const messages = [{ role: 'user', content: 'hello' }];
      for await (const { event } of rpc.chat({ model: 'paced', messages, maxTokens: 120, sampling })) {
        if (event?.$case === 'piece') {
          text += event.value.text;
          logprobs += event.value.logprobs.length;
        } else if (event?.$case === 'finished') tokens = event.value.usage?.completionTokens ?? 0;
      }
      return { text, logprobs, tokens };
    };
    const overSse = async () => {
      const { text, logprobs, usage, error } = await told(await ask(120, { logprobs: true }));
      return error ?? { text, logprobs, tokens: usage?.completion_tokens };
    };
    const answers = [...Array(20).keys()].map((i) => (i % 2 === 0 ? overSse() : overGrpc()));
    const expected = { text: words(120), logprobs: 120, tokens: 120 };
    expect({ seed, answers: await Promise.all(answers) }).toEqual({
      seed,
      answers: Array(20).fill(expected),
    });
    expect(await metric('migrations_total{type="stage_lost"}')).toBeGreaterThan(0);
    rpc.close();
  });

  test('goes on at its own stage, or at the best that its floor allows, and says so', async () => {
    const holds = { fail: false };
    const before = (index: number) => {
      if (index !== 10 || !holds.fail) return;
      holds.fail = false;
      lost(true);
    };
    const high = new PacedThinker({ stages: STAGES, before });
    // It has no higher stage and is not going to get one.
    const low = new PacedThinker({ stages: STAGES.slice(0, 3) });
    running = await openGateway([high, low]);
    holds.fail = true;
    const answer = await ask(30);
    expect(answer.headers.get('x-zen-stage')).toBe('4');
    const { text, stages, error } = await told(answer);
    expect({ text, error }).toEqual({ text: words(30), error: undefined });
    expect(stages).toEqual([...Array(10).fill(4), ...Array(20).fill(2)]);
    holds.fail = true;
    const pinned = await told(await ask(30, {}, { 'x-zen-stage': '3' }));
    expect(pinned.error).toBeUndefined();
    expect(pinned.stages).toEqual(Array(30).fill(3));
  });

  test('a stage asked for by name is not replaced: the error names it', async () => {
    const high = new PacedThinker({ stages: STAGES, before: (index) => lost(index === 10) });
    const low = new PacedThinker({ stages: STAGES.slice(0, 3) });
    running = await openGateway([high, low], { ZEN_RESUME_WAIT: '300ms' });
    const { text, error } = await told(await ask(30, {}, { 'x-zen-stage': '4' }));
    expect(text).toBe(words(10));
    expect(error?.message).toMatch(/^stage 4, which the answer began with/);
    expect(await metric('migrations_failed_total{type="lost"}')).toBe(1);
  });

  test('one that kills whoever computes it is not given to the whole fleet', async () => {
    const thinkers = [...Array(6).keys()].map(
      () => new PacedThinker({ stages: STAGES, before: (index) => lost(index >= 5) }),
    );
    running = await openGateway(thinkers);
    const { text, error } = await told(await ask(30));
    expect(text).toBe(words(5));
    expect(error?.code).toBe('unavailable');
    expect(thinkers.reduce((sum, { requests }) => sum + requests.length, 0)).toBe(3);
    expect(await metric('migrations_failed_total{type="lost"}')).toBe(1);
  });

  test('moves at most as often as it may', async () => {
    // Always breaks, but gives a token each time.
    const before = (index: number, { resumeTokenIds }: { resumeTokenIds: number[] }) =>
      lost(index > resumeTokenIds.length);
    const thinkers = [0, 1, 2, 3].map(() => new PacedThinker({ stages: STAGES, before }));
    running = await openGateway(thinkers, { ZEN_RESUME_MOVES: '3' });
    const { text, error } = await told(await ask(30));
    expect(text).toBe(words(4));
    expect(error?.code).toBe('unavailable');
    expect(await metric('migrations_total{type="lost"}')).toBe(3);
    expect(await metric('migrations_failed_total{type="lost"}')).toBe(1);
    // The reader has waited already: the rest of the answer makes way for nobody.
    const objectives = thinkers.flatMap(({ requests }) => requests.map(({ ttftMs }) => ttftMs));
    expect(objectives.sort()).toEqual([0, 0, 0, 1000]);
  });

  test('one that is longer than what is kept does not move', async () => {
    const before = (index: number) => lost(index === 20);
    running = await openGateway(
      [0, 1].map(() => new PacedThinker({ stages: STAGES, before })),
      {
        ZEN_RESUME_TOKENS: '10',
      },
    );
    expect(await told(await ask(30))).toMatchObject({ text: words(20), error: { code: 'unavailable' } });
  });

  test('turned off, it ends as it always did', async () => {
    const before = (index: number) => lost(index === 5);
    running = await openGateway(
      [0, 1].map(() => new PacedThinker({ stages: STAGES, before })),
      {
        ZEN_RESUME: 'off',
      },
    );
    const response = await ask(30);
    const text = await response.clone().text();
    expect(await told(response)).toMatchObject({ text: words(5), error: { code: 'unavailable' } });
    expect(text).not.toContain('id: ');
    expect(await metric('migrations_failed_total{type="lost"}')).toBe(0);
  });

  test('a caller that leaves while it waits for a replica frees everything', async () => {
    const thinker = new PacedThinker({ stages: STAGES, pieceMs: 5 });
    running = await openGateway([thinker], { ZEN_RESUME_WAIT: '10m' });
    const leaving = new AbortController();
    const body = JSON.stringify(chatOf('hello', { max_tokens: 4000, stream: true }));
    const headers = { 'content-type': 'application/json' };
    const { signal } = leaving;
    const response = await fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      body,
      headers,
      signal,
    });
    const reading = response.text().catch((error: Error) => error.name);
    await until('pieces flow', () => thinker.pieces > 5);
    await thinker.stop();
    await until('it is missed', async () => (await fetch(`${running.url}/readyz`)).status === 503);
    expect(await metric('requests_in_flight')).toBe(1);
    leaving.abort();
    expect(await reading).toBe('AbortError');
    await until('it is free', async () => (await metric('requests_in_flight')) === 0);
  });
});

describe('a resume token', () => {
  let running: Running;
  beforeAll(async () => {
    running = await openGateway([new PacedThinker({ stages: STAGES })], { ZEN_RESUME_KEY: 'k'.repeat(32) });
  });
  afterAll(() => running.stop());

  const body = (more: object = {}) => chatOf('hello', { max_tokens: 20, stream: true, ...more });
  const post = (token: string, more: object = {}, path = '/v1/chat/completions') =>
    running.post(path, body(more), { headers: { 'last-event-id': token } });
  const ids = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].map(([, id = '']) => id);

  test('comes with every piece, and with each of them the rest is exactly the rest', async () => {
    const whole = await (await running.post('/v1/chat/completions', body())).text();
    expect(ids(whole)).toHaveLength(20);
    for (const [i, id] of ids(whole).entries()) {
      const answer = await post(id);
      expect(answer.headers.get('x-zen-stage-reason')).toBe('resumed');
      const { text, error } = await told(answer);
      expect({ text, error }).toEqual({ text: words(20).slice(words(i + 1).length), error: undefined });
    }
  });

  test('the older route goes on with its offsets', async () => {
    const asked = { model: 'paced', prompt: 'hello', max_tokens: 12, stream: true, logprobs: 0 };
    const ask = (headers: Record<string, string> = {}) => running.post('/v1/completions', asked, { headers });
    const offsets = (text: string) =>
      [...text.matchAll(/"text_offset":\[(\d+)\]/g)].map(([, offset]) => Number(offset));
    const whole = await (await ask()).text();
    const rest = await (await ask({ 'last-event-id': ids(whole)[4] ?? '' })).text();
    expect(offsets(rest)).toEqual(offsets(whole).slice(5));
  });

  test('the official client is not disturbed by it', async () => {
    const stream = await running.openai.chat.completions.create({
      ...chatOf('hi'),
      max_tokens: 9,
      stream: true,
    });
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    expect(text).toBe(words(9));
  });

  test('a stream of several choices has none', async () => {
    expect(ids(await (await running.post('/v1/chat/completions', body({ n: 2 }))).text())).toEqual([]);
  });

  test.each<[string, object, string, RegExp]>([
    ['nonsense', {}, 'x', /not a token/],
    ['one without a stream', { stream: false }, 'x', /only a stream of one choice/],
    ['one for several choices', { n: 2 }, 'x', /only a stream of one choice/],
    ['a long one', {}, 'a'.repeat(9000), /at most 8192/],
  ])('%s is refused by name', async (_, more, token, message) => {
    const response = await post(token, more);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string; param: string } };
    expect(error.param).toBe('last-event-id');
    expect(error.message).toMatch(message);
  });

  test('over gRPC too', async () => {
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    const bad = async () => {
      const messages = [{ role: 'user', content: 'hello' }];
      for await (const _ of rpc.chat({ model: 'paced', messages, resumeToken: 'nonsense' }));
    };
    await expect(bad()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^resume_token: not a token/),
    });
    rpc.close();
  });
});

function lost(fails: boolean): void {
  if (fails) throw new RpcError('UNAVAILABLE', 'Connection dropped');
}
