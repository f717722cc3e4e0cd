import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpertFloor, GatewayServiceDefinition } from '@zen/contracts';
import { client, RpcError } from '@zen/rpc';
import { chatOf, eventsOf, openGateway, PacedThinker, type Running } from '../gateway.fixture';
import { digestOf, newKey } from '../keys/key-entry';

jest.setTimeout(60_000);

const { EXPERT_FLOOR_EXACT, EXPERT_FLOOR_STAND_IN, EXPERT_FLOOR_UNSPECIFIED, EXPERT_FLOOR_WITHOUT } =
  ExpertFloor;

describe('how far an answer may fall where experts are away', () => {
  const stages = [{ stage: 0, decodeBaseUs: 100, decodePerSequenceUs: 0, prefillUsPerToken: 0 }];
  const folder = mkdtempSync(join(tmpdir(), 'zen-floor-'));
  const [plain, exact] = [newKey(), newKey()];
  const thinker = new PacedThinker({ stages, standIns: 3 });
  let running: Running;
  beforeAll(async () => {
    const line = (key: string, more: string) => `sha256:${digestOf(key).toString('hex')} tenant=a ${more}\n`;
    writeFileSync(join(folder, 'keys'), line(plain, '') + line(exact, 'expert-floor=exact'));
    running = await openGateway([thinker], { ZEN_API_KEYS: join(folder, 'keys') });
  });
  afterAll(async () => {
    await running.stop();
    rmSync(folder, { recursive: true });
  });

  const ask = (key: string, floor?: string, more: object = {}) =>
    running.post('/v1/chat/completions', chatOf('hello', { max_tokens: 2, ...more }), {
      headers: { authorization: `Bearer ${key}`, ...(floor ? { 'x-zen-expert-floor': floor } : {}) },
    });

  test.each([
    ['nothing: the thinker’s own default', plain, undefined, EXPERT_FLOOR_UNSPECIFIED],
    ['what the header says', plain, 'without', EXPERT_FLOOR_WITHOUT],
    ['what the key says', exact, undefined, EXPERT_FLOOR_EXACT],
    ['the header before the key', exact, 'stand-in', EXPERT_FLOOR_STAND_IN],
  ])('the thinker is asked for %s', async (_, key, floor, want) => {
    expect((await ask(key, floor)).status).toBe(200);
    expect(thinker.requests.at(-1)?.expertFloor).toBe(want);
  });

  test('another word is refused by name', async () => {
    const response = await ask(plain, 'constructor');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'x-zen-expert-floor' } });
  });

  test('falls are told in the usage, in the last chunk whether or not usage is asked for, and in metrics', async () => {
    const zen = { expert_falls: { stand_in: 6, without: 0 } };
    expect(await (await ask(plain)).json()).toMatchObject({ usage: { zen } });
    const events = await eventsOf(await ask(plain, undefined, { stream: true }));
    expect(JSON.parse(events.at(-2) ?? '')).toMatchObject({ choices: [{ finish_reason: 'length' }], zen });
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toMatch(/zen_gateway_expert_falls_total\{model="paced",rung="stand-in"\} \d\d/);
    expect(metrics).toMatch(/zen_gateway_fallen_answers_total\{model="paced"\} \d/);
  });

  test('over gRPC: asked in the message, told at the end and in the trailers', async () => {
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    let trailers: Record<string, string> = {};
    const metadata = { authorization: `Bearer ${plain}` };
    const onTrailers = (values: Record<string, string>) => {
      trailers = values;
    };
    const messages = [{ role: 'user', content: 'hello' }];
    const request = { messages, maxTokens: 2, expertFloor: EXPERT_FLOOR_EXACT };
    const events = [];
    for await (const { event } of rpc.chat(request, { metadata, onTrailers })) events.push(event);
    expect(events.at(-1)).toMatchObject({ value: { expertFalls: { standIn: 6n, without: 0n } } });
    expect(trailers).toMatchObject({ 'x-zen-expert-falls': 'stand-in=6;without=0' });
    expect(thinker.requests.at(-1)?.expertFloor).toBe(EXPERT_FLOOR_EXACT);
    const unknown = rpc.chat({ ...request, expertFloor: 9 as ExpertFloor }, { metadata });
    const failure = await unknown[Symbol.asyncIterator]()
      .next()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RpcError);
    expect(failure).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^expert_floor: /),
    });
    rpc.close();
  });

  test('an answer that goes on elsewhere keeps its floor, and tells how both parts fell', async () => {
    let broken = false;
    const before = (index: number) => {
      if (index !== 2 || broken) return;
      broken = true;
      throw new RpcError('UNAVAILABLE', 'stage: lost', { 'x-zen-failure': 'stage-lost' });
    };
    const pair = [3, 3].map((standIns) => new PacedThinker({ stages, standIns, before }));
    const two = await openGateway(pair);
    try {
      const headers = { 'x-zen-expert-floor': 'without' };
      const response = await two.post('/v1/chat/completions', chatOf('hello', { max_tokens: 4 }), {
        headers,
      });
      expect(await response.json()).toMatchObject({
        choices: [{ message: { content: 'w0 w1 w2 w3 ' } }],
        usage: { zen: { expert_falls: { stand_in: 12 } } },
      });
      const asked = pair.flatMap(({ requests }) => requests.map(({ expertFloor }) => expertFloor));
      expect(asked).toEqual([EXPERT_FLOOR_WITHOUT, EXPERT_FLOOR_WITHOUT]);
    } finally {
      await two.stop();
    }
  });
});
