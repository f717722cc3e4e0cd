import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { GatewayServiceDefinition, Priority } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(60_000);

describe('zen.v1.GatewayService', () => {
  const thinker = new PacedThinker({
    stages: [0, 3].map((stage) => {
      return { stage, decodeBaseUs: 500 * (stage + 1), decodePerSequenceUs: 0, prefillUsPerToken: 0 };
    }),
  });
  let running: Running;
  let rpc: RpcClient<typeof GatewayServiceDefinition>;
  beforeAll(async () => {
    running = await openGateway([thinker]);
    rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
  });
  afterAll(async () => {
    rpc.close();
    await running.stop();
  });

  const messages = [{ role: 'user', content: 'one two' }];

  test('a chat, with stage and reason in headers and trailers', async () => {
    let headers: Record<string, string> = {};
    let trailers: Record<string, string> = {};
    const events = [];
    const options = {
      onHeaders: (values: Record<string, string>) => {
        headers = values;
      },
      onTrailers: (values: Record<string, string>) => {
        trailers = values;
      },
    };
    const request = { model: 'paced', messages, maxTokens: 2, sampling: { seed: 9n, logprobs: 1 } };
    for await (const { event } of rpc.chat(request, options)) events.push(event);
    expect(events).toMatchObject([
      {
        $case: 'started',
        value: {
          model: 'paced',
          stage: 3,
          stageReason: 'full',
          seed: 9n,
          quality: { top1: expect.closeTo(0.9) },
        },
      },
      { $case: 'piece', value: { text: 'w0 ', stage: 3, logprobs: [{ tokenId: 0 }] } },
      { $case: 'piece', value: { text: 'w1 ' } },
      { $case: 'finished', value: { usage: { promptTokens: 2, completionTokens: 2 } } },
    ]);
    const said = { 'x-zen-stage': '3', 'x-zen-stage-reason': 'full' };
    expect(headers).toMatchObject(said);
    expect(trailers).toMatchObject({ ...said, 'x-request-id': headers['x-request-id'] });
  });

  test('a completion at a pinned stage; an empty name means the only model', async () => {
    const events = [];
    for await (const { event } of rpc.complete({ prompt: 'x', maxTokens: 1, quality: { stage: 0 } }))
      events.push(event);
    expect(events[0]).toMatchObject({ value: { stage: 0, stageReason: 'pinned' } });
    expect(thinker.requests.pop()).toMatchObject({
      prompt: { value: 'x' },
      stage: 0,
      priority: Priority.PRIORITY_NORMAL,
    });
  });

  test('models', async () => {
    const { models } = await rpc.listModels({});
    expect(models).toMatchObject([
      { id: 'paced', contextTokens: 8192, stages: [{ stage: 0 }, { stage: 3 }] },
    ]);
  });

  test.each([
    ['an unknown model', { model: 'other', messages }, 'NOT_FOUND', 'other'],
    ['no messages', { model: 'paced' }, 'INVALID_ARGUMENT', 'messages'],
    ['an unknown stage', { model: 'paced', messages, quality: { stage: 2 } }, 'INVALID_ARGUMENT', 'stage 2'],
    [
      'a stage out of range',
      { model: 'paced', messages, quality: { stage: 5 } },
      'INVALID_ARGUMENT',
      'quality.stage',
    ],
    [
      'a limit above the context',
      { model: 'paced', messages, maxTokens: 2 ** 31 },
      'INVALID_ARGUMENT',
      'max_tokens',
    ],
  ])('%s', async (_, request, code, message) => {
    const stream = rpc.chat(request)[Symbol.asyncIterator]();
    await expect(stream.next()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('leaving the stream ends the answer at the thinker', async () => {
    const before = thinker.cancelled;
    for await (const { event } of rpc.chat({ model: 'paced', messages, maxTokens: 8000 })) {
      if (event?.$case === 'piece') break;
    }
    await until('the thinker was told', () => thinker.cancelled === before + 1 && thinker.active === 0);
  });

  test('a deadline holds', async () => {
    const drain = async () => {
      for await (const _ of rpc.chat({ model: 'paced', messages, maxTokens: 8000 }, { timeoutMs: 300 }));
    };
    await expect(drain()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await until('the thinker was told', () => thinker.active === 0);
  });

  test('from a process of its own', async () => {
    // Only the published contract and the generic gRPC client, nothing of this process.
    const script = `
      const { client } = require('@zen/rpc');
      const { GatewayServiceDefinition } = require('@zen/contracts');
      (async () => {
        const rpc = client(GatewayServiceDefinition, process.argv[1]);
        let text = '';
        const request = { model: 'paced', messages: [{ role: 'user', content: 'hi' }], maxTokens: 3 };
        for await (const { event } of rpc.chat(request)) if (event.$case === 'piece') text += event.value.text;
        process.stdout.write(text);
        rpc.close();
      })();`;
    const child = spawn(process.execPath, ['-e', script, running.gateway.grpcAddress], { cwd: __dirname });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      out += chunk;
    });
    await once(child, 'close');
    expect(out).toBe('w0 w1 w2 ');
  });
});
