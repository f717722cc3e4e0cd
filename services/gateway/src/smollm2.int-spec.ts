import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '@zen/config';
import { createLogger } from '@zen/telemetry';
import { packedLadder } from '@zen/testing';
import OpenAI from 'openai';
import { settings } from './config';
import { type Gateway, startGateway } from './gateway';
import { until } from './gateway.fixture';

jest.setTimeout(300_000);

const THINKER = join(__dirname, '../../thinker/dist/main.js');
const ladder = existsSync(THINKER) ? packedLadder() : { missing: 'the thinker is not built' };
if ('missing' in ladder) console.warn(`skipped: ${ladder.missing}`);

/** The main job with real weights: client, gateway, thinker in its own process, engine. */
('missing' in ladder ? describe.skip : describe)('SmolLM2 through the gateway', () => {
  let thinker: ChildProcess;
  let gateway: Gateway;
  let openai: OpenAI;
  let model: string;

  beforeAll(async () => {
    const folder = 'folder' in ladder ? ladder.folder : '';
    thinker = spawn(process.execPath, [THINKER], {
      env: { ...process.env, ZEN_LADDER: folder, ZEN_LISTEN: '127.0.0.1:0', ZEN_LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    thinker.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    await until('the thinker listens', () => output.includes('"address":"'));
    const config = readConfig(settings, {
      ZEN_LISTEN: '127.0.0.1:0',
      ZEN_GRPC_LISTEN: '127.0.0.1:0',
      // However slow the machine: the burst below is to be answered, not refused.
      ZEN_MAX_QUEUE: '1h',
      ZEN_THINKERS: /"address":"([^"]+)"/.exec(output)?.[1] ?? '',
    });
    gateway = await startGateway(config, createLogger('gateway', 'silent'));
    openai = new OpenAI({ baseURL: `http://${gateway.httpAddress}/v1`, apiKey: 'none', maxRetries: 0 });
    await until('every stage is attached', async () => {
      const { data } = await openai.models.list();
      const served = data[0] as unknown as { id: string; stages: { attached: boolean }[] } | undefined;
      model = served?.id ?? '';
      return served?.stages.every(({ attached }) => attached) ?? false;
    });
  });
  afterAll(async () => {
    await gateway.stop();
    thinker.kill('SIGTERM');
  });

  const ask = (content: string, max_tokens: number, headers: Record<string, string> = {}) =>
    openai.chat.completions.create(
      { model, messages: [{ role: 'user', content }], max_tokens, temperature: 0, stream: true },
      { headers },
    );

  async function read(answer: ReturnType<typeof ask>) {
    const { data, response } = await answer.withResponse();
    let text = '';
    let pieces = 0;
    let finish: string | null = null;
    for await (const { choices } of data) {
      pieces++;
      text += choices[0]?.delta.content ?? '';
      finish = choices[0]?.finish_reason ?? finish;
    }
    const stage = Number(response.headers.get('x-zen-stage'));
    return { text, pieces, finish, stage, reason: response.headers.get('x-zen-stage-reason') };
  }

  test('answers, and the same again', async () => {
    const first = await read(ask('Write one sentence about the sea.', 24, { 'x-zen-quality': 'full' }));
    expect(first.text.split(' ').length).toBeGreaterThan(4);
    expect(first.stage).toBe(4);
    const again = await read(ask('Write one sentence about the sea.', 24, { 'x-zen-quality': 'full' }));
    expect(again.text).toBe(first.text);
  });

  test('every stage answers when it is named', async () => {
    for (const stage of [0, 1, 2, 3, 4]) {
      const answer = await read(ask('Say hello.', 8, { 'x-zen-stage': String(stage) }));
      expect(answer).toMatchObject({ stage, reason: 'pinned' });
      expect(answer.text.length).toBeGreaterThan(0);
    }
  });

  test('stops at a stop text, which is not part of the answer', async () => {
    const whole = await read(ask('Count from one to ten in words.', 24, { 'x-zen-stage': '4' }));
    const word = whole.text.trim().split(/\s+/)[2] ?? '';
    const { choices } = await openai.chat.completions.create(
      {
        model,
        messages: [{ role: 'user', content: 'Count from one to ten in words.' }],
        max_tokens: 24,
        temperature: 0,
        stop: word,
      },
      { headers: { 'x-zen-stage': '4' } },
    );
    expect(choices[0]?.finish_reason).toBe('stop');
    expect(whole.text.startsWith(choices[0]?.message.content ?? '?')).toBe(true);
    expect(choices[0]?.message.content).not.toContain(word);
  });

  test('log probabilities are those of the model', async () => {
    const { choices } = await openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 4,
      temperature: 0,
      logprobs: true,
      top_logprobs: 3,
    });
    for (const { token, logprob, top_logprobs } of choices[0]?.logprobs?.content ?? []) {
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
      expect(logprob).toBeLessThanOrEqual(0);
    }
    expect(choices[0]?.logprobs?.content?.map(({ token }) => token).join('')).toBe(
      choices[0]?.message.content,
    );
  });

  test('calls a tool when it has to, and takes the result', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const tool = { type: 'function' as const, function: { name: 'get_weather', parameters } };
    const asked = {
      model,
      messages: [{ role: 'user' as const, content: 'What is the weather in Paris?' }],
      tools: [tool],
      temperature: 0,
    };
    const { choices, usage } = await openai.chat.completions.create({
      ...asked,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      max_tokens: 48,
    });
    const call = choices[0]?.message.tool_calls?.[0];
    expect(choices[0]?.finish_reason).toBe('tool_calls');
    if (call?.type !== 'function') throw new Error('it has called no function');
    expect(call.function.name).toBe('get_weather');
    expect(JSON.parse(call.function.arguments)).toEqual(expect.any(Object));
    const result = { role: 'tool' as const, tool_call_id: call.id, content: 'sunny, 20 degrees' };
    const answered = await openai.chat.completions.create({
      ...asked,
      messages: [...asked.messages, { role: 'assistant', content: null, tool_calls: [call] }, result],
      max_tokens: 24,
    });
    const { content, tool_calls: more } = answered.choices[0]?.message ?? {};
    expect(content || more).toBeTruthy();
    // The call and its result are part of the prompt.
    expect(answered.usage?.prompt_tokens).toBeGreaterThan(usage?.prompt_tokens ?? 0);
  });

  test('refusals of the thinker name the caller’s field', async () => {
    const long = 'word '.repeat(20_000);
    const { completions } = openai.chat;
    const messages = [{ role: 'user' as const, content: long }];
    await expect(completions.create({ model, messages })).rejects.toMatchObject({
      status: 400,
      param: 'messages',
      code: 'context_length_exceeded',
    });
    const biased = completions.create({
      model,
      messages: [{ role: 'user', content: 'Hi' }],
      logit_bias: { 999999999: 1 },
    });
    await expect(biased).rejects.toMatchObject({ status: 400, param: 'logit_bias' });
  });

  test('a burst of 64 streams: nothing is lost, a floor holds, and the stage rises again', async () => {
    // What others leave of this machine is what an objective has to be met with: several times what it takes idle.
    const started = performance.now();
    const idle = await read(ask('Count from one to ten in words.', 24, { 'x-zen-stage': '4' }));
    const tpotMs = Math.ceil((6 * (performance.now() - started)) / idle.pieces);
    const objective = { 'x-zen-tpot-ms': String(tpotMs), 'x-zen-ttft-ms': String(10 * tpotMs) };
    const floors = [...Array(64).keys()].map((i) => (i % 4 === 0 ? 4 : 0));
    const answers = await Promise.all(
      floors.map((floor, i) =>
        read(ask(`Name ${i + 2} blue things.`, 12, { ...objective, 'x-zen-min-stage': String(floor) })),
      ),
    );
    for (const [i, { stage, finish, text }] of answers.entries()) {
      expect(stage).toBeGreaterThanOrEqual(floors[i] ?? 0);
      expect(finish).toMatch(/^(stop|length)$/);
      expect(text.length).toBeGreaterThan(0);
    }
    await until('the stage is back at the top', async () => {
      const { reason } = await read(ask('Hi', 2, objective));
      return reason === 'full';
    });
  }, 900_000);
});
