import { GatewayServiceDefinition, type GenerateRequest, ToolChoice } from '@zen/contracts';
import { client, RpcError } from '@zen/rpc';
import type OpenAI from 'openai';
import { openGateway, PacedThinker, type Running } from '../gateway.fixture';

type Tool = OpenAI.ChatCompletionFunctionTool;

const STAGES = [0, 4].map((stage) => ({
  stage,
  decodeBaseUs: stage === 0 ? 100 : 100_000,
  decodePerSequenceUs: 0,
  prefillUsPerToken: 0,
}));
const weather: Tool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const clock: Tool = { type: 'function', function: { name: 'clock' } };
const tools = [weather, clock];
const ANSWER =
  'I look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "M\\u00fcnchen }"}}\n</tool_call>\n' +
  '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>';
const CALLS = [
  { type: 'function', function: { name: 'weather', arguments: '{"city": "M\\u00fcnchen }"}' } },
  { type: 'function', function: { name: 'clock', arguments: '{}' } },
];

/** As a model might: three characters to a token. */
const inPieces = (text: string) => text.match(/.{1,3}/gsu) ?? [];
const question = { role: 'user' as const, content: 'Weather?' };
const asked = { model: 'paced', messages: [question], tools };
const chatOf = ({ prompt }: GenerateRequest) => (prompt?.$case === 'chat' ? prompt.value : undefined);

describe('calls of tools', () => {
  let says = (_: GenerateRequest): readonly string[] => inPieces(ANSWER);
  let newest: GenerateRequest;
  let before: (index: number, request: GenerateRequest) => void = () => {};
  const options = {
    stages: STAGES,
    jsonValid: (stage: number) => (stage === 4 ? 0.9 : 0.2),
    pieceMs: 0,
    says: (request: GenerateRequest) => {
      newest = request;
      return says(request);
    },
    before: (index: number, request: GenerateRequest) => before(index, request),
  };
  const thinkers = [new PacedThinker(options), new PacedThinker(options)];
  let running: Running;
  beforeAll(async () => {
    running = await openGateway(thinkers, { ZEN_RESUME_KEY: 'k'.repeat(32), ZEN_RESUME_WAIT: '60s' });
  });
  afterAll(() => running.stop());
  afterEach(() => {
    says = () => inPieces(ANSWER);
    before = () => {};
  });
  const create = (more: object = {}) =>
    running.openai.chat.completions.create({ ...asked, ...more, stream: false } as const);

  test('are told apart from the text, whole and streamed', async () => {
    const { choices, usage } = await create();
    expect(choices).toMatchObject([
      { message: { role: 'assistant', content: 'I look.', tool_calls: CALLS }, finish_reason: 'tool_calls' },
    ]);
    const ids = choices[0]?.message.tool_calls?.map(({ id }) => id) ?? [];
    expect(new Set(ids.filter((id) => /^call_\w{20,24}$/.test(id))).size).toBe(2);
    expect(usage?.completion_tokens).toBe(inPieces(ANSWER).length);
    const stream = running.openai.chat.completions.stream({ ...asked, seed: 5 });
    const streamed = (await stream.finalChatCompletion()).choices;
    expect(streamed).toMatchObject([
      { message: { content: 'I look.', tool_calls: CALLS }, finish_reason: 'tool_calls' },
    ]);
    // The same question with the same seed: the same answer, to its ids.
    const again = (await create({ seed: 5 })).choices[0]?.message.tool_calls;
    expect(again?.map(({ id }) => id)).toEqual(streamed[0]?.message.tool_calls?.map(({ id }) => id));
    expect(again?.map(({ id }) => id)).not.toEqual(ids);
  });

  test('come in chunks that say what is called, then with what', async () => {
    const deltas: unknown[] = [];
    const stream = await running.openai.chat.completions.create({ ...asked, stream: true });
    for await (const { choices } of stream) {
      if (choices[0]?.delta.tool_calls) deltas.push(...choices[0].delta.tool_calls);
    }
    expect(deltas).toEqual(
      CALLS.flatMap(({ type, function: { name, arguments: args } }, index) => [
        { index, id: expect.any(String), type, function: { name, arguments: '' } },
        { index, function: { arguments: args } },
      ]),
    );
  });

  test('an answer that only calls has no content', async () => {
    says = () => ['<tool_call>{"name":"clock","arguments":{}}', '</tool_call>'];
    expect((await create()).choices[0]?.message).toMatchObject({ content: null, tool_calls: [{}] });
    const stream = await running.openai.chat.completions.create({ ...asked, stream: true });
    const contents = [];
    for await (const { choices } of stream) contents.push(choices[0]?.delta.content);
    expect(contents.filter((content) => typeof content === 'string')).toEqual([]);
  });

  test.each([
    ['malformed', '<tool_call>{"name": "clock", "arguments": {]}</tool_call>'],
    ['of a tool that there is not', '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'],
    ['that breaks off', 'x <tool_call>{"name": "clock",'],
  ])('what is %s stays text', async (_, text) => {
    says = () => inPieces(text);
    expect((await create()).choices).toMatchObject([{ message: { content: text }, finish_reason: 'stop' }]);
    const { choices } = await running.openai.chat.completions.stream(asked).finalChatCompletion();
    expect(choices).toMatchObject([{ message: { content: text }, finish_reason: 'stop' }]);
  });

  test('several choices have calls of their own', async () => {
    const { choices } = await create({ n: 2, seed: 1 });
    expect(choices.map(({ message }) => message.tool_calls?.length)).toEqual([2, 2]);
    const ids = choices.flatMap(({ message }) => message.tool_calls?.map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);
  });

  const nameOf = { type: 'function', function: { name: 'clock' } };
  test.each<[string, object, object, string[]]>([
    ['auto', {}, { tools: ['weather', 'clock'], answerPrefix: '' }, []],
    ['none', { tool_choice: 'none' }, { tools: [], answerPrefix: '' }, []],
    [
      'required',
      { tool_choice: 'required' },
      { tools: ['weather', 'clock'], answerPrefix: '<tool_call>\n{"name":' },
      [],
    ],
    [
      'the only tool',
      { tool_choice: 'required', tools: [clock] },
      { tools: ['clock'], answerPrefix: '<tool_call>\n{"name": "clock", "arguments":' },
      [],
    ],
    [
      'a tool by name',
      { tool_choice: nameOf },
      { tools: ['weather', 'clock'], answerPrefix: '<tool_call>\n{"name": "clock", "arguments":' },
      ['</tool_call>'],
    ],
    [
      'one call at most',
      { parallel_tool_calls: false, stop: 'x' },
      { tools: ['weather', 'clock'], answerPrefix: '' },
      ['x', '</tool_call>'],
    ],
  ])('the thinker is asked for %s', async (_, more, expected, stop) => {
    says = () => ['done'];
    await create(more);
    const { tools: told = [], answerPrefix } = chatOf(newest) ?? {};
    expect({ tools: told.map(({ name }) => name), answerPrefix }).toEqual(expected);
    expect(newest.sampling?.stop).toEqual(stop);
  });

  test('a call that is demanded goes on from its beginning', async () => {
    says = () => inPieces(' "weather", "arguments": {"city": "Kiel"}}\n</tool_call>');
    const { choices } = await create({ tool_choice: 'required' });
    expect(choices).toMatchObject([
      {
        message: { tool_calls: [{ function: { arguments: '{"city": "Kiel"}' } }] },
        finish_reason: 'tool_calls',
      },
    ]);
    says = () => [' {', '}}', '</tool_call> and <tool_call>{"name": "clock"}'];
    const named = await create({ tool_choice: nameOf });
    expect(named.choices[0]?.message).toMatchObject({
      content: null,
      tool_calls: [{ function: { name: 'clock' } }],
    });
    expect(named.choices[0]?.message.tool_calls).toHaveLength(1);
    says = () => [' no'];
    const none = await create({ tool_choice: nameOf });
    expect(none.choices).toMatchObject([
      {
        message: { content: '<tool_call>\n{"name": "clock", "arguments": no' },
        finish_reason: 'stop',
      },
    ]);
  });

  test('without tools the same text is text', async () => {
    expect((await create({ tools: undefined })).choices[0]).toMatchObject({
      message: { content: ANSWER },
      finish_reason: 'stop',
    });
    expect((await create({ tool_choice: 'none' })).choices[0]?.message.content).toBe(ANSWER);
  });

  test('results go back, and the client’s own loop runs to its end', async () => {
    says = (request) => {
      const results = chatOf(request)?.messages.filter(({ role }) => role === 'tool') ?? [];
      return results.length === 0 ? inPieces(ANSWER) : [`It is ${results[0]?.content}.`];
    };
    const cities: unknown[] = [];
    const runner = running.openai.chat.completions.runTools({
      model: 'paced',
      messages: [question],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'The weather of a city',
            parameters: {},
            parse: JSON.parse,
            function: ({ city }: { city: string }) => {
              cities.push(city);
              return 'sunny';
            },
          },
        },
        {
          type: 'function',
          function: { name: 'clock', parameters: {}, description: '', function: () => '12:00' },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is sunny.');
    expect(cities).toEqual(['München }']);
    const all = thinkers.flatMap(({ requests }) => requests);
    const messages = all.map((request) => chatOf(request)?.messages ?? []).find(({ length }) => length === 4);
    const ids = messages?.[1]?.toolCalls.map(({ id }) => id) ?? [];
    expect(messages).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: 'I look.',
        toolCalls: [{ name: 'weather' }, { name: 'clock', arguments: '{}' }],
      },
      { role: 'tool', content: 'sunny', toolCallId: ids[0] },
      { role: 'tool', content: '12:00', toolCallId: ids[1] },
    ]);
  });

  test('a stage whose JSON is worse does not answer, though it would be in time', async () => {
    const { jsonValid } = options;
    const paced = await openGateway([new PacedThinker({ stages: STAGES, jsonValid, says: () => ['done'] })]);
    const stageOf = async (more: object) => {
      const headers = { 'x-zen-tpot-ms': '1' };
      const asking = paced.openai.chat.completions.create({ ...asked, ...more }, { headers });
      return (await asking.withResponse()).response.headers.get('x-zen-stage');
    };
    expect(await stageOf({ tool_choice: 'none' })).toBe('0');
    expect(await stageOf({})).toBe('4');
    await paced.stop();
  });

  test('an answer whose thinker is lost in the middle of a call goes on with it elsewhere', async () => {
    const breaks = new Set([8, 20, 21, 40]);
    before = (index, { resumeTokenIds }) => {
      if (index > resumeTokenIds.length && breaks.delete(index)) throw new RpcError('UNAVAILABLE', 'gone');
    };
    const { choices } = await create();
    expect(breaks.size).toBe(0);
    expect(choices).toMatchObject([{ message: { content: 'I look.', tool_calls: CALLS } }]);
  });

  test('a stream is taken up after any of its events, and tells nothing twice', async () => {
    const body = { ...asked, stream: true, seed: 3 };
    const text = async (headers = {}) =>
      (await running.post('/v1/chat/completions', body, { headers })).text();
    const whole = framesOf(await text());
    const ids = whole.flatMap(({ id }, at) => (id === undefined ? [] : [{ id, at }]));
    // The text, and the two calls with theirs.
    expect(ids.length).toBeGreaterThanOrEqual(4);
    for (const { id, at } of ids) {
      const rest = framesOf(await text({ 'last-event-id': id }));
      expect(rest.map(({ delta }) => delta)).toEqual(whole.slice(at + 1).map(({ delta }) => delta));
    }
  });

  test('over gRPC too', async () => {
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    const read = async (more: object = {}) => {
      let text = '';
      const calls = [];
      const request = {
        model: 'paced',
        messages: [question],
        tools: [{ name: 'weather', parameters: '{"type":"object"}' }, { name: 'clock' }],
        ...more,
      };
      for await (const { event } of rpc.chat(request)) {
        if (event?.$case === 'piece') text += event.value.text;
        if (event?.$case === 'toolCall') calls.push(event.value);
      }
      return { text, calls };
    };
    const [first, second] = CALLS.map((one) => ({ id: expect.any(String), ...one.function }));
    expect(await read()).toEqual({ text: 'I look.', calls: [first, second] });
    expect(await read({ singleToolCall: true })).toEqual({ text: 'I look.', calls: [first] });
    expect(await read({ toolChoice: ToolChoice.TOOL_CHOICE_NONE })).toEqual({ text: ANSWER, calls: [] });
    for (const [more, param] of [
      [{ tools: [{ name: 'a b' }] }, 'tools[0].name'],
      [{ toolChoice: ToolChoice.TOOL_CHOICE_NAMED, toolName: 'rm' }, 'tool_choice'],
      [{ toolChoice: 17 }, 'tool_choice'],
      [{ toolName: 'clock' }, 'tool_name'],
      [{ sampling: { logprobs: 0 } }, 'sampling.logprobs'],
    ] as const) {
      await expect(read(more)).rejects.toMatchObject({
        code: expect.stringMatching(/INVALID_ARGUMENT|UNIMPLEMENTED/),
        message: expect.stringContaining(`${param}: `),
      });
    }
    rpc.close();
  });
});

/** The deltas of a streamed body, each with the id of its event. */
function framesOf(body: string): { id: string | undefined; delta: unknown }[] {
  return body.split('\n\n').flatMap((frame) => {
    const data = /^data: (\{.*)$/m.exec(frame)?.[1];
    if (data === undefined) return [];
    const { choices } = JSON.parse(data);
    return [{ id: /^id: (.*)$/m.exec(frame)?.[1], delta: choices[0].delta }];
  });
}
