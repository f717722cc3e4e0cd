import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { chatOf, openGateway, PacedThinker, type Running } from '../gateway.fixture';

const MIB = 2 ** 20;

describe('bad input', () => {
  const thinker = new PacedThinker({ maxPromptBytes: MIB });
  let running: Running;
  beforeAll(async () => {
    running = await openGateway([thinker], { ZEN_MAX_MESSAGES: '10' });
  });
  afterAll(() => running.stop());
  afterEach(() => expect(thinker.active).toBe(0));

  const chat = (more: object) => chatOf('hi', { max_tokens: 1, ...more });
  const user = (content: unknown) => chat({ messages: [{ role: 'user', content }] });
  const tool = (fields: object) => ({ type: 'function', function: fields });
  const tools = (fields: object) => chat({ tools: [tool(fields)] });
  const nested = (depth: number): object => (depth === 1 ? {} : { a: nested(depth - 1) });
  const result = { role: 'tool', content: '4', tool_call_id: 'call_1' };
  const calls = (message: object, args: string) =>
    chat({
      messages: [
        { ...message, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: args } }] },
      ],
    });
  const wrong: [name: string, body: unknown, param: string | null, code?: string][] = [
    ['invalid JSON', '{"model": "paced",', null],
    ['no JSON at all', 'hello', null],
    ['an empty body', '', null],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), null],
    ['an array', '[]', null],
    ['null', 'null', null],
    ['no model', chat({ model: undefined }), 'model'],
    ['a wrong type of model', chat({ model: 7 }), 'model'],
    ['an unknown model', chat({ model: 'gpt-9' }), 'model', 'model_not_found'],
    ['no messages', chat({ messages: undefined }), 'messages'],
    ['empty messages', chat({ messages: [] }), 'messages'],
    ['messages of a wrong type', chat({ messages: 'hi' }), 'messages'],
    ['too many messages', chat({ messages: Array(11).fill({ role: 'user', content: 'x' }) }), 'messages'],
    ['a message that is no object', chat({ messages: ['hi'] }), 'messages[0]'],
    ['an unknown role', chat({ messages: [{ role: 'king', content: 'x' }] }), 'messages[0].role'],
    ['no content', chat({ messages: [{ role: 'user' }] }), 'messages[0].content'],
    ['content of a wrong type', user(42), 'messages[0].content'],
    ['a part of a wrong type', user([{ type: 'text', text: 1 }]), 'messages[0].content[0].text'],
    [
      'an image',
      user([
        { type: 'text', text: 'see' },
        { type: 'image_url', image_url: { url: 'data:' } },
      ]),
      'messages[0].content[1].type',
      'unsupported',
    ],
    ['a tool of another kind', chat({ tools: [{ type: 'web_search' }] }), 'tools[0].type'],
    ['a tool without a name', tools({}), 'tools[0].function.name'],
    ['a tool with a strange name', tools({ name: 'a b' }), 'tools[0].function.name'],
    [
      'a long description',
      tools({ name: 'f', description: 'x'.repeat(16_385) }),
      'tools[0].function.description',
    ],
    ['parameters as text', tools({ name: 'f', parameters: '{}' }), 'tools[0].function.parameters'],
    ['deep parameters', tools({ name: 'f', parameters: nested(25) }), 'tools[0].function.parameters'],
    [
      'parameters as deep as a body may be',
      JSON.stringify(tools({ name: 'f', parameters: {} })).replace(
        '"parameters":{}',
        `"parameters":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      ),
      'tools[0].function.parameters',
    ],
    [
      'long parameters',
      tools({ name: 'f', parameters: { a: 'x'.repeat(65_536) } }),
      'tools[0].function.parameters',
    ],
    ['strict', tools({ name: 'f', strict: true }), 'tools[0].function.strict', 'unsupported'],
    ['two tools of one name', chat({ tools: [tool({ name: 'f' }), tool({ name: 'f' })] }), 'tools'],
    [
      'too many tools',
      chat({ tools: Array.from({ length: 129 }, (_, i) => tool({ name: `f${i}` })) }),
      'tools',
    ],
    ['an unknown choice', chat({ tool_choice: 'any' }), 'tool_choice'],
    ['a choice without tools', chat({ tool_choice: 'required' }), 'tool_choice'],
    [
      'a choice of no tool',
      chat({
        tools: [tool({ name: 'f' })],
        tool_choice: { type: 'function', function: { name: 'g' } },
      }),
      'tool_choice',
    ],
    [
      'logprobs with tools',
      chat({ tools: [tool({ name: 'f' })], logprobs: true }),
      'logprobs',
      'unsupported',
    ],
    ['a result without a call', chat({ messages: [result] }), 'messages[0].tool_call_id'],
    [
      'a result without an id',
      chat({ messages: [{ ...result, tool_call_id: undefined }] }),
      'messages[0].tool_call_id',
    ],
    ['calls of a user', calls({ role: 'user', content: 'x' }, '{}'), 'messages[0].tool_calls'],
    [
      'arguments that are no JSON',
      calls({ role: 'assistant' }, '{"a":'),
      'messages[0].tool_calls[0].function.arguments',
    ],
    [
      'arguments that are no object',
      calls({ role: 'assistant' }, '[]'),
      'messages[0].tool_calls[0].function.arguments',
    ],
    ['functions', chat({ functions: [{ name: 'f' }] }), 'functions', 'unsupported'],
    ['JSON mode', chat({ response_format: { type: 'json_object' } }), 'response_format.type', 'unsupported'],
    ['a negative limit', chat({ max_tokens: -1 }), 'max_tokens'],
    ['a limit of zero', chat({ max_tokens: 0 }), 'max_tokens'],
    ['a huge limit', chat({ max_tokens: 1e300 }), 'max_tokens'],
    ['a limit above the context', chat({ max_tokens: 8193 }), 'max_tokens'],
    ['a fractional limit', chat({ max_completion_tokens: 1.5 }), 'max_completion_tokens'],
    ['a temperature as text', chat({ temperature: '1' }), 'temperature'],
    ['a negative temperature', chat({ temperature: -0.1 }), 'temperature'],
    ['a huge number', `{"model":"paced","messages":[{"role":"user","content":"x"}],"top_p":1e999}`, 'top_p'],
    ['a penalty out of range', chat({ presence_penalty: 2.1 }), 'presence_penalty'],
    ['a bias out of range', chat({ logit_bias: { 5: 101 } }), 'logit_bias.5'],
    ['a bias of no token', chat({ logit_bias: { word: 1 } }), 'logit_bias.word'],
    ['an empty stop', chat({ stop: '' }), 'stop'],
    ['a long stop', chat({ stop: ['é'.repeat(129)] }), 'stop[0]'],
    ['too many choices', chat({ n: 9 }), 'n'],
    ['a huge seed', chat({ seed: 1e20 }), 'seed'],
    ['top_logprobs without logprobs', chat({ top_logprobs: 2 }), 'top_logprobs'],
    ['stream options without a stream', chat({ stream_options: { include_usage: true } }), 'stream_options'],
    ['a stream of a wrong type', chat({ stream: 'yes' }), 'stream'],
  ];
  test.each(wrong)('%s', async (_, body, param, code = 'invalid_request') => {
    const response = await running.post('/v1/chat/completions', body);
    const answer = await response.json();
    expect(answer).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param, code },
    });
    expect(response.status).toBe(code === 'model_not_found' ? 404 : 400);
  });

  const wrongCompletions: [name: string, more: object, param: string][] = [
    ['no prompt', { prompt: undefined }, 'prompt'],
    ['an empty list', { prompt: [] }, 'prompt'],
    ['a negative token', { prompt: [-1] }, 'prompt[0]'],
    ['prompts times n', { prompt: ['a', 'b', 'c'], n: 3 }, 'prompt'],
    ['echo', { prompt: 'a', echo: true }, 'echo'],
    ['a suffix', { prompt: 'a', suffix: 'b' }, 'suffix'],
  ];
  test.each(wrongCompletions)('completion with %s', async (_, more, param) => {
    const response = await running.post('/v1/completions', { model: 'paced', max_tokens: 1, ...more });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param } });
  });

  const wrongHeaders: [name: string, headers: Record<string, string>, param: string][] = [
    ['an unknown stage', { 'x-zen-stage': '3' }, 'x-zen-stage'],
    ['a stage out of range', { 'x-zen-stage': '9' }, 'x-zen-stage'],
    ['a stage in words', { 'x-zen-stage': 'best' }, 'x-zen-stage'],
    ['a negative floor', { 'x-zen-min-stage': '-1' }, 'x-zen-min-stage'],
    ['a pin below the floor', { 'x-zen-stage': '0', 'x-zen-min-stage': '1' }, 'x-zen-stage'],
    ['an unknown quality', { 'x-zen-quality': 'half' }, 'x-zen-quality'],
    ['an unknown upgrade', { 'x-zen-upgrade': 'sometimes' }, 'x-zen-upgrade'],
    ['an objective of zero', { 'x-zen-ttft-ms': '0' }, 'x-zen-ttft-ms'],
  ];
  test.each(wrongHeaders)('%s', async (_, headers, param) => {
    const response = await running.post('/v1/chat/completions', chat({}), { headers });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param, code: 'invalid_request' } });
  });

  test('a 10 MB prompt: the limit is named', async () => {
    const response = await running.post('/v1/chat/completions', user('x'.repeat(10_000_000)));
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
    expect(error.message).toContain(String(MIB));
    expect(thinker.requests).toHaveLength(0);
  });

  test('a body above the limit: the limit is named', async () => {
    const response = await running.post('/v1/chat/completions', user('x'.repeat(13 * MIB)));
    expect(response.status).toBe(413);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ code: 'body_too_large' });
    expect(error.message).toContain(String(12 * MIB));
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded'])('a body of type %s', async (type) => {
    const response = await running.post('/v1/chat/completions', chat({}), {
      headers: { 'content-type': type },
    });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported_media_type' } });
  });

  test('headers above the limit', async () => {
    const response = await rawRequest(
      `GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    );
    expect(response).toMatch(/^HTTP\/1.1 431 /);
    expect(response).toContain('at most 16384 bytes');
  });

  test('what is not HTTP', async () => {
    expect(await rawRequest('GARBAGE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*"error"/);
  });

  test('unknown endpoints and methods', async () => {
    for (const [path, method] of [
      ['/v1/embeddings', 'POST'],
      ['/v1/chat/completions', 'GET'],
      ['/admin', 'GET'],
    ] as const) {
      const response = await fetch(running.url + path, { method });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: 'not_found' } });
    }
  });

  test('a name that a web site has pointed at this machine', async () => {
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(
        `${running.url}/v1/models`,
        { headers: { host: 'evil.example:80' } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      request.on('error', reject).end();
    });
    expect(status).toBe(403);
  });

  test('no other origin may read answers unless it is allowed', async () => {
    const { headers } = await fetch(`${running.url}/v1/models`, {
      headers: { origin: 'https://page.example' },
    });
    expect(headers.get('access-control-allow-origin')).toBeNull();
    const allowing = await openGateway([new PacedThinker()], { ZEN_CORS_ORIGINS: 'https://page.example' });
    const origin = (name: string) => ({ headers: { origin: name } });
    const allowed = await allowing.post(
      '/v1/chat/completions',
      chat({ stream: true }),
      origin('https://page.example'),
    );
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://page.example');
    await allowed.text();
    const other = await fetch(`${allowing.url}/v1/models`, origin('https://other.example'));
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    await allowing.stop();
  });

  function rawRequest(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const [host, port] = running.gateway.httpAddress.split(':');
      const socket = connect(Number(port), host, () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });
  }
});
