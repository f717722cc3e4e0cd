import type { ExpertFloor, Priority, ThinkerServiceDefinition } from '@zen/contracts';
import type { RpcClient } from '@zen/rpc';
import { collect, type SimulatedThinker, simulatedThinker } from '../simulated-thinker.fixture';

type Request = Parameters<RpcClient<typeof ThinkerServiceDefinition>['generate']>[0];

const text = (value: string) => ({ $case: 'text' as const, value });
const chat = (...contents: string[]) => ({
  $case: 'chat' as const,
  value: { messages: contents.map((content) => ({ role: 'user', content })) },
});
const tooled = (value: object, ...messages: object[]) => ({
  $case: 'chat' as const,
  value: { messages: [{ role: 'user', content: 'x' }, ...messages], ...value },
});
const calling = (call: object) => ({
  role: 'assistant',
  toolCalls: [{ id: 'c', name: 'add', arguments: '{}', ...call }],
});
const rows = (...values: number[]) => ({
  $case: 'embeddings' as const,
  value: { rows: Buffer.from(Float32Array.from(values).buffer) },
});
const hello = text('hello there');

describe('requests that break a limit', () => {
  let server: SimulatedThinker;
  beforeAll(async () => {
    server = await simulatedThinker({
      contextTokens: 128,
      env: { ZEN_PROMPT_BYTES: '2MiB', ZEN_MESSAGE_BYTES: '20MiB' },
    });
    await server.thinker.climbed;
  });
  afterAll(() => server.stop());

  const refusals: [string, Request, string, RegExp][] = [
    [
      'an objective without end',
      { prompt: hello, ttftMs: 6_000_001 },
      'INVALID_ARGUMENT',
      /^ttft_ms: .* 6000000/,
    ],
    ['no prompt', {}, 'INVALID_ARGUMENT', /^prompt: /],
    ['empty text', { prompt: text('') }, 'INVALID_ARGUMENT', /^prompt: 0 tokens/],
    ['no messages', { prompt: chat() }, 'INVALID_ARGUMENT', /^chat.messages: 0 messages/],
    [
      'a role that no template knows',
      { prompt: { $case: 'chat', value: { messages: [{ role: 'root', content: 'x' }] } } },
      'INVALID_ARGUMENT',
      /^chat.messages\[0\].role: /,
    ],
    [
      'a tool without a name',
      { prompt: tooled({ tools: [{}] }) },
      'INVALID_ARGUMENT',
      /^chat.tools\[0\].name: /,
    ],
    [
      'two tools of one name',
      { prompt: tooled({ tools: [{ name: 'add' }, { name: 'add' }] }) },
      'INVALID_ARGUMENT',
      /^chat.tools\[1\].name: another/,
    ],
    [
      'too many tools',
      { prompt: tooled({ tools: Array.from({ length: 129 }, (_, i) => ({ name: `t${i}` })) }) },
      'INVALID_ARGUMENT',
      /^chat.tools: 129 tools, limit 128/,
    ],
    [
      'a long description',
      { prompt: tooled({ tools: [{ name: 'add', description: 'x'.repeat(20_000) }] }) },
      'INVALID_ARGUMENT',
      /^chat/,
    ],
    ...['{', '[]', 'null'].map((parameters): (typeof refusals)[number] => [
      `parameters that are ${parameters}`,
      { prompt: tooled({ tools: [{ name: 'add', parameters }] }) },
      'INVALID_ARGUMENT',
      /^chat.tools\[0\].parameters: is not/,
    ]),
    [
      'parameters too deep',
      {
        prompt: tooled({ tools: [{ name: 'add', parameters: `{"a":${'['.repeat(40)}${']'.repeat(40)}}` }] }),
      },
      'INVALID_ARGUMENT',
      /^chat.tools\[0\].parameters: nests deeper than 24/,
    ],
    [
      'calls of a user',
      { prompt: tooled({}, { ...calling({}), role: 'user' }) },
      'INVALID_ARGUMENT',
      /^chat.messages\[1\].tool_calls: /,
    ],
    [
      'a call without an id',
      { prompt: tooled({}, calling({ id: '' })) },
      'INVALID_ARGUMENT',
      /^chat.messages\[1\].tool_calls\[0\].id: /,
    ],
    [
      'arguments that are no object',
      { prompt: tooled({}, calling({ arguments: '1' })) },
      'INVALID_ARGUMENT',
      /^chat.messages\[1\].tool_calls\[0\].arguments: is not a JSON object/,
    ],
    [
      'a result of a user',
      { prompt: tooled({}, { role: 'user', content: 'x', toolCallId: 'c' }) },
      'INVALID_ARGUMENT',
      /^chat.messages\[1\].tool_call_id: /,
    ],
    [
      'a long beginning of the answer',
      { prompt: tooled({ answerPrefix: 'x'.repeat(1025) }) },
      'INVALID_ARGUMENT',
      /^chat.answer_prefix: 1025 bytes, limit 1024/,
    ],
    ['a prompt of 30 MB', { prompt: text('a'.repeat(30e6)) }, 'RESOURCE_EXHAUSTED', /larger than max/],
    ['a prompt of 10 MB', { prompt: text('a'.repeat(10e6)) }, 'INVALID_ARGUMENT', /^text: 10000000 bytes/],
    [
      'a prompt of 2.5 MB',
      { prompt: text('a'.repeat(2.5e6)) },
      'INVALID_ARGUMENT',
      /^text: 2500000 bytes, limit 2097152/,
    ],
    ['a chat of 2.5 MB', { prompt: chat('a'.repeat(2.5e6)) }, 'INVALID_ARGUMENT', /^chat: 2500000 bytes/],
    [
      'more tokens than the context',
      { prompt: text('a b '.repeat(500)) },
      'INVALID_ARGUMENT',
      /^text: .*127/,
    ],
    [
      'more token ids than the context',
      { prompt: { $case: 'tokens', value: { tokenIds: new Array(128).fill(5) } } },
      'INVALID_ARGUMENT',
      /^tokens: 128 positions, limit 127/,
    ],
    [
      'a token id outside the vocabulary',
      { prompt: { $case: 'tokens', value: { tokenIds: [514] } } },
      'INVALID_ARGUMENT',
      /^tokens.token_ids: token id 514, must be 0 to 513/,
    ],
    [
      'half a row of embeddings',
      { prompt: rows(1, 2) },
      'INVALID_ARGUMENT',
      /^embeddings.rows: 8 bytes, must be a multiple of 16/,
    ],
    [
      'embeddings that are no numbers',
      { prompt: rows(1, 2, 3, Number.NaN) },
      'INVALID_ARGUMENT',
      /^embeddings.rows: /,
    ],
    [
      'embeddings beyond the context',
      { prompt: rows(...new Array(4 * 128).fill(0)) },
      'INVALID_ARGUMENT',
      /^embeddings: 128/,
    ],
    ['another model', { prompt: hello, model: 'gpt-5' }, 'NOT_FOUND', /^model: "gpt-5"/],
    [
      'max_tokens above the context',
      { prompt: hello, maxTokens: 129 },
      'INVALID_ARGUMENT',
      /^max_tokens: 129, limit 128/,
    ],
    [
      'a stage that no ladder has',
      { prompt: hello, stage: 5 },
      'INVALID_ARGUMENT',
      /^stage: 5, must be 0 to 4/,
    ],
    ['a floor that no ladder has', { prompt: hello, minStage: 9 }, 'INVALID_ARGUMENT', /^min_stage: 9/],
    [
      'a stage below its own floor',
      { prompt: hello, stage: 1, minStage: 2 },
      'INVALID_ARGUMENT',
      /^stage: 1 is below min_stage, 2/,
    ],
    ['an unknown priority', { prompt: hello, priority: 17 as Priority }, 'INVALID_ARGUMENT', /^priority: /],
    [
      'an unknown floor of experts',
      { prompt: hello, expertFloor: 9 as ExpertFloor },
      'INVALID_ARGUMENT',
      /^expert_floor: /,
    ],
    [
      'a tenant without end',
      { prompt: hello, tenant: 't'.repeat(257) },
      'INVALID_ARGUMENT',
      /^tenant: 257 bytes/,
    ],
    [
      'a request id without end',
      { prompt: hello, requestId: 'r'.repeat(257) },
      'INVALID_ARGUMENT',
      /^request_id: /,
    ],
  ];
  test.each(refusals)('%s', async (_, request, code, message) => {
    await expect(collect(server.client.generate(request))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  const samplings: [string, NonNullable<Request['sampling']>, RegExp][] = [
    ['temperature too high', { temperature: 2.5 }, /^sampling.temperature: 2.5 is not within 0 to 2/],
    ['temperature below 0', { temperature: -1 }, /^sampling.temperature: -1/],
    ['temperature that is no number', { temperature: Number.NaN }, /^sampling.temperature: NaN/],
    [
      'an infinite penalty',
      { repetitionPenalty: Number.POSITIVE_INFINITY },
      /^sampling.repetition_penalty: /,
    ],
    ['top_p above 1', { topP: 1.5 }, /^sampling.top_p: 1.5/],
    ['min_p below 0', { minP: -0.5 }, /^sampling.min_p: /],
    ['presence penalty', { presencePenalty: 3 }, /^sampling.presence_penalty: 3/],
    ['frequency penalty', { frequencyPenalty: -3 }, /^sampling.frequency_penalty: -3/],
    ['21 alternatives', { logprobs: 21 }, /^sampling.logprobs: 21 is above 20/],
    ['17 stop texts', { stop: new Array(17).fill('x') }, /^sampling.stop: 17 entries, limit 16/],
    ['an empty stop text', { stop: [''] }, /^sampling.stop: /],
    ['a long stop text', { stop: ['é'.repeat(129)] }, /^sampling.stop: an entry has 258 bytes, limit 256/],
    ['17 stop tokens', { stopTokenIds: new Array(17).fill(1) }, /^sampling.stop_token_ids: 17 entries/],
    ['a stop token outside', { stopTokenIds: [514] }, /^sampling.stop_token_ids: token id 514/],
    ['a bias outside', { logitBias: { 600: 1 } }, /^sampling.logit_bias: token id 600/],
    ['a bias too strong', { logitBias: { 5: 101 } }, /^sampling.logit_bias: 101 for token 5/],
    [
      'too many biases',
      { logitBias: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, 1])) },
      /^sampling.logit_bias: 1025 entries, limit 1024/,
    ],
  ];
  test.each(samplings)('sampling: %s', async (_, sampling, message) => {
    await expect(collect(server.client.generate({ prompt: hello, sampling }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });

  test('what is left out or 0 is off', async () => {
    const sampling = { topP: 0, repetitionPenalty: 0, topK: 0 };
    const answer = await collect(server.client.generate({ prompt: hello, maxTokens: 3, sampling }));
    expect(answer.tokenIds).toHaveLength(3);
  });

  test('tokenize, detokenize and watch name their fields too', async () => {
    const { client } = server;
    const refused = (message: RegExp) => ({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    await expect(client.tokenize({})).rejects.toMatchObject(refused(/^input: /));
    await expect(client.detokenize({ tokenIds: [1, 514] })).rejects.toMatchObject(
      refused(/^token_ids: token id 514/),
    );
    const watch = async () => {
      for await (const _ of client.watch({ intervalMs: 10 })) return;
    };
    await expect(watch()).rejects.toMatchObject(refused(/^interval_ms: 10 is not within 50 to 60000/));
  });

  test('none of it left anything behind', async () => {
    const { load } = await server.client.describe({});
    expect(load).toMatchObject({ running: 0, waiting: 0, prefillTokensWaiting: 0n });
    expect(server.logs.filter((line) => line.includes('"error"'))).toEqual([]);
  });
});

describe('stages', () => {
  test('answers from the first servable stage on, and climbs while it answers', async () => {
    let release: () => void = () => undefined;
    const gates = [0, 1, 2, 3, 4].map(() => {
      let open: () => void = () => undefined;
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      return { open, opened };
    });
    release = () => gates.shift()?.open();
    const all = gates.map(({ opened }) => opened);
    const server = await simulatedThinker({ minServable: 1, attach: (stage) => all[stage] as Promise<void> });
    const attached = async (count: number) => {
      for (;;) {
        const { stages } = await server.client.describe({});
        if (stages.filter((stage) => stage.attached).length === count) return;
      }
    };
    const ask = (request: Request) =>
      collect(server.client.generate({ prompt: hello, maxTokens: 2, ...request }));
    const ready = async () => (await fetch(`http://${server.thinker.probeAddress}/readyz`)).status;

    await expect(ask({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    release();
    await attached(1);
    expect(await ready()).toBe(503);
    await expect(ask({})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'no servable stage is attached yet',
    });
    expect((await ask({ stage: 0 })).stages[0]).toBe(0);
    release();
    await attached(2);
    expect(await ready()).toBe(200);
    expect((await ask({})).stages[0]).toBe(1);
    await expect(ask({ stage: 3 })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: 'stage: 3 is not attached, the highest is 1',
    });
    await expect(ask({ minStage: 2 })).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });

    const climbing = collect(
      server.client.generate({ prompt: hello, maxTokens: 400, sampling: { ignoreEos: true } }),
    );
    const pinned = collect(
      server.client.generate({ prompt: hello, maxTokens: 400, stage: 1, sampling: { ignoreEos: true } }),
    );
    const seen: number[] = [];
    for await (const { stages } of server.client.watch({ intervalMs: 50 })) {
      const top = stages.filter((stage) => stage.attached).length - 1;
      if (top !== seen.at(-1)) seen.push(top);
      if (top === 4) break;
      release();
    }
    expect(seen.at(-1)).toBe(4);
    const stages = (await climbing).stages;
    expect(stages[0]).toBe(1);
    expect(stages.at(-1)).toBe(4);
    expect(new Set((await pinned).stages)).toEqual(new Set([1]));
    await server.stop();
  });

  test('a stage that fails to attach leaves the ones below it serving', async () => {
    const attach = async (stage: number) => {
      if (stage === 3) throw new Error('tensor blk.0.attn_q.weight is damaged');
    };
    const server = await simulatedThinker({ attach });
    await server.thinker.climbed;
    expect((await collect(server.client.generate({ prompt: hello, maxTokens: 2 }))).stages[0]).toBe(2);
    expect(server.logs.join('')).toContain('blk.0.attn_q.weight is damaged');
    await server.stop();
  });

  test('no servable stage at all is an error of the start', async () => {
    const attach = async () => {
      throw new Error('no such file');
    };
    const server = await simulatedThinker({ attach });
    await expect(server.thinker.climbed).rejects.toThrow('no servable stage');
    await server.stop();
  });
});
