import { Upgrade } from '@zen/contracts';
import OpenAI from 'openai';
import { chatOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

describe('the official openai client', () => {
  const thinker = new PacedThinker({
    stages: [{ stage: 4, decodeBaseUs: 200, decodePerSequenceUs: 0, prefillUsPerToken: 0 }],
    minServableStage: 4,
  });
  let running: Running;
  beforeAll(async () => {
    running = await openGateway([thinker]);
  });
  afterAll(() => running.stop());
  const last = () => thinker.requests[thinker.requests.length - 1];

  test('a chat', async () => {
    const { data, response } = await running.openai.chat.completions
      .create(chatOf('one two three', { max_tokens: 2 }))
      .withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'paced',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'w0 w1 ' },
          finish_reason: 'length',
          logprobs: null,
        },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
    expect(response.headers.get('x-zen-stage')).toBe('4');
    expect(response.headers.get('x-zen-stage-reason')).toBe('full');
    expect(response.headers.get('x-zen-quality')).toBe('top1=1;kl=0;ppl=1');
    expect(data.id).toBe(`chatcmpl-${response.headers.get('x-request-id')}`);
  });

  test('a streamed chat with usage', async () => {
    const stream = await running.openai.chat.completions.create({
      ...chatOf('hi'),
      max_tokens: 3,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('w0 w1 w2 ');
    expect(chunks.filter((chunk) => chunk.choices[0]?.finish_reason === 'length')).toHaveLength(1);
    expect(chunks[chunks.length - 1]).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    const pieces = chunks.filter((chunk) => chunk.choices[0]?.delta.content);
    expect(pieces.map((chunk) => (chunk as { zen?: unknown }).zen)).toEqual(Array(3).fill({ stage: 4 }));
  });

  test('its stream helper', async () => {
    const stream = running.openai.chat.completions.stream(chatOf('hi', { max_tokens: 3 }));
    expect((await stream.finalChatCompletion()).choices[0]?.message.content).toBe('w0 w1 w2 ');
  });

  test('several choices, whole and streamed, each with a seed of its own', async () => {
    const whole = await running.openai.chat.completions.create(
      chatOf('a b', { n: 3, max_tokens: 2, seed: 5 }),
    );
    expect(whole.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, 'w0 w1 '],
      [1, 'w0 w1 '],
      [2, 'w0 w1 '],
    ]);
    expect(whole.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 6 });
    expect(thinker.requests.slice(-3).map(({ sampling }) => sampling?.seed)).toEqual([5n, 6n, 7n]);
    const stream = await running.openai.chat.completions.create({
      ...chatOf('hi'),
      n: 2,
      max_tokens: 2,
      stream: true,
    });
    const texts = ['', ''];
    for await (const { choices } of stream) {
      for (const { index, delta } of choices) texts[index] += delta.content ?? '';
    }
    expect(texts).toEqual(['w0 w1 ', 'w0 w1 ']);
  });

  test('every option arrives at the thinker', async () => {
    await running.openai.chat.completions.create({
      model: 'paced',
      messages: [
        { role: 'developer', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b\ud800' },
          ],
        },
        { role: 'assistant', content: null },
        { role: 'user', content: 'c' },
      ],
      max_completion_tokens: 1,
      temperature: 0.5,
      top_p: 0,
      stop: ['x', 'y'],
      seed: -1,
      presence_penalty: -2,
      frequency_penalty: 2,
      logit_bias: { 42: -100 },
      user: 'someone',
      response_format: { type: 'text' },
      ...{
        top_k: 40,
        min_p: 0.25,
        repetition_penalty: 1.5,
        ignore_eos: true,
        priority: 'batch',
        unheard_of: 1,
      },
    });
    expect(last()).toMatchObject({
      model: 'paced',
      // Free to rise: the highest stage that there is.
      stage: undefined,
      minStage: 0,
      upgrade: Upgrade.UPGRADE_BOUNDARY,
      maxTokens: 1,
      priority: 1,
      tenant: 'anonymous',
      prompt: {
        value: {
          messages: [
            { role: 'system', content: 'be brief' },
            { role: 'user', content: 'ab\ufffd' },
            { role: 'assistant', content: '' },
            { role: 'user', content: 'c' },
          ],
        },
      },
      sampling: {
        temperature: 0.5,
        topK: 40,
        minP: 0.25,
        repetitionPenalty: 1.5,
        presencePenalty: -2,
        frequencyPenalty: 2,
        seed: 2n ** 64n - 1n,
        stop: ['x', 'y'],
        ignoreEos: true,
        logitBias: { 42: -100 },
      },
    });
    // 0 would mean off there.
    expect(last()?.sampling?.topP).toBeGreaterThan(0);
    expect(last()?.sampling?.topP).toBeLessThan(1e-6);
  });

  test('log probabilities', async () => {
    const chat = await running.openai.chat.completions.create(
      chatOf('hi', { max_tokens: 2, logprobs: true, top_logprobs: 2 }),
    );
    const content = chat.choices[0]?.logprobs?.content ?? [];
    expect(content).toHaveLength(2);
    expect(content[0]).toMatchObject({ token: 'w0 ', bytes: [119, 48, 32] });
    expect(content[0]?.top_logprobs.map(({ token }) => token)).toEqual(['w0 ', 't1']);
    const text = await running.openai.completions.create({
      model: 'paced',
      prompt: 'x',
      max_tokens: 2,
      logprobs: 1,
    });
    expect(text.choices[0]?.logprobs).toMatchObject({ tokens: ['w0 ', 'w1 '], text_offset: [0, 3] });
  });

  test.each([
    ['a text', 'a b', ['text']],
    ['texts', ['a', 'b'], ['text', 'text']],
    ['tokens', [1, 2, 3], ['tokens']],
    ['several of tokens', [[1], [2]], ['tokens', 'tokens']],
  ])('completions of %s', async (_, prompt, cases) => {
    const { choices, object } = await running.openai.completions.create({
      model: 'paced',
      prompt,
      max_tokens: 1,
    });
    expect(object).toBe('text_completion');
    expect(choices.map(({ text }) => text)).toEqual(cases.map(() => 'w0 '));
    expect(thinker.requests.slice(-cases.length).map((request) => request.prompt?.$case)).toEqual(cases);
  });

  test('a streamed completion', async () => {
    const stream = await running.openai.completions.create({
      model: 'paced',
      prompt: 'x',
      max_tokens: 3,
      stream: true,
    });
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.text ?? '';
    expect(text).toBe('w0 w1 w2 ');
  });

  test('models', async () => {
    const { data } = await running.openai.models.list();
    expect(data).toMatchObject([{ id: 'paced', object: 'model', stages: [{ stage: 4, attached: true }] }]);
    expect(await running.openai.models.retrieve('paced')).toMatchObject({ id: 'paced' });
    await expect(running.openai.models.retrieve('nothing/of-this')).rejects.toThrow(OpenAI.NotFoundError);
  });

  test('errors have the right class, code and param', async () => {
    const { completions } = running.openai.chat;
    await expect(completions.create({ ...chatOf('hi'), model: 'gpt-9' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
    const refused = completions.create(chatOf('hi', { temperature: 3 }));
    await expect(refused).rejects.toThrow(OpenAI.BadRequestError);
    await expect(refused).rejects.toMatchObject({ param: 'temperature', type: 'invalid_request_error' });
  });

  test('an abort ends the answer at the thinker', async () => {
    const before = thinker.cancelled;
    const stream = await running.openai.chat.completions.create({
      ...chatOf('hi'),
      max_tokens: 8000,
      stream: true,
    });
    for await (const { choices } of stream) {
      if (choices[0]?.delta.content) break;
    }
    stream.controller.abort();
    await until('the thinker was told', () => thinker.cancelled === before + 1 && thinker.active === 0);
  });

  test('a trace goes through to the thinker', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const response = await running.post('/v1/chat/completions', chatOf('hi', { max_tokens: 1 }), {
      headers: { traceparent, 'x-request-id': 'my-own.id' },
    });
    expect(response.headers.get('x-request-id')).toBe('my-own.id');
    const passedOn = thinker.traceparents[thinker.traceparents.length - 1];
    expect(passedOn).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/);
    expect(last()?.requestId).toBe('my-own.id');
  });
});
