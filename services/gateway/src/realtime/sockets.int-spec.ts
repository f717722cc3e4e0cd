import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';
import { digestOf } from '../keys/key-entry';
import { RealtimeClient, type Refused } from './realtime-client.fixture';
import { openTlsFront, type TlsFront } from './tls-front.fixture';

const TEXT = { type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } };
const CREATE = { type: 'response.create' };
const KEY = 'zen_key_of_a_test_0123456789abcdef';
const OTHER = 'zen_key_of_another_0123456789abcde';

let folder: string;
let running: Running;
let thinker: PacedThinker;
let front: TlsFront;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'zen-realtime-'));
  const line = (key: string, rest: string) => `sha256:${digestOf(key).toString('hex')} ${rest}\n`;
  const keys = join(folder, 'keys');
  writeFileSync(keys, line(KEY, 'tenant=acme rpm=1000') + line(OTHER, 'tenant=other'));
  thinker = new PacedThinker({ contextTokens: 1_000_000 });
  running = await openGateway([thinker], {
    ZEN_API_KEYS: keys,
    ZEN_REALTIME_SESSIONS: '3',
    ZEN_REALTIME_EVENT: '64KiB',
    ZEN_CORS_ORIGINS: 'https://page.example',
  });
  front = await openTlsFront(running.url);
});
afterAll(async () => {
  front.close();
  await running.stop();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  thinker.options.pieceMs = null;
  thinker.options.says = () => undefined;
});

const authorization = (key = KEY) => ({ headers: { authorization: `Bearer ${key}` } });
const open = (query = 'model=paced', options: Parameters<typeof RealtimeClient.open>[2] = authorization()) =>
  RealtimeClient.open(running.url, query, options);
const refusal = (query: string, options?: Parameters<typeof open>[1]) =>
  open(query, options).then(
    () => Promise.reject(new Error('it was let in')),
    (error: Refused) => error,
  );
const without = (types: string[]) => types.filter((type, at) => type !== types[at - 1]);
async function closed(client: RealtimeClient): Promise<void> {
  client.close();
  await client.gone();
}

describe('a client', () => {
  it('is the official one, in text', async () => {
    const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: KEY });
    const socket = new OpenAIRealtimeWS({ model: 'paced', options: { ca: front.ca } }, client);
    const seen: string[] = [];
    let text = '';
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('event', (event) => seen.push(event.type));
      socket.on('session.created', () => {
        socket.send(TEXT as never);
        socket.send({
          type: 'conversation.item.create',
          item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Say hello' }] },
        });
        socket.send({ type: 'response.create', response: { max_output_tokens: 3 } });
      });
      socket.on('response.output_text.done', (event) => {
        text = event.text;
      });
      socket.on('rate_limits.updated', ({ rate_limits }) => {
        expect(rate_limits).toMatchObject([{ name: 'requests', limit: 1000 }]);
        resolve();
      });
    });
    socket.close();
    expect(text).toBe('w0 w1 w2 ');
    expect(without(seen)).toEqual([
      'session.created',
      'conversation.created',
      'session.updated',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
      'response.output_item.added',
      'conversation.item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
      'rate_limits.updated',
    ]);
  });

  it.each([
    ['by its header', { headers: { ...authorization().headers, 'openai-beta': 'realtime=v1' } }],
    [
      'by its protocols, its key among them',
      { protocols: ['realtime', `openai-insecure-api-key.${KEY}`, 'openai-beta.realtime-v1'] },
    ],
  ])('of the older API has its names: %s', async (_, options) => {
    const client = await open('model=paced', options);
    expect(client.socket.protocol).toBe('realtime');
    client.send({ type: 'session.update', session: { modalities: ['text'], temperature: 0.7 } });
    expect((await client.next('session.updated')).session).toMatchObject({
      modalities: ['text'],
      temperature: 0.7,
      input_audio_format: 'pcm16',
    });
    client.say('Hi');
    client.send({ ...CREATE, response: { modalities: ['text'], max_response_output_tokens: 2 } });
    const { response } = await client.next('response.done');
    expect(response.output[0].content).toEqual([{ type: 'text', text: 'w0 w1 ' }]);
    expect(client.types()).toContain('response.text.delta');
    expect(client.types()).toContain('conversation.item.created');
    await closed(client);
  });

  it('is told by name what is wrong, and its session goes on', async () => {
    const client = await open();
    const wrong = async (message: string | Buffer | object) => {
      client.socket.send(
        typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
      );
      return (await client.next('error')).error;
    };
    expect(await wrong('{')).toMatchObject({ code: 'invalid_event', message: 'the event is not valid JSON' });
    expect(await wrong(Buffer.from([1]))).toMatchObject({ code: 'invalid_event' });
    expect(await wrong('[]')).toMatchObject({ code: 'invalid_value' });
    expect(await wrong({ type: 'session.begin', event_id: 'e1' })).toMatchObject({
      code: 'unknown_event',
      param: 'type',
      event_id: 'e1',
    });
    expect(
      await wrong({ type: 'conversation.item.truncate', item_id: 'x', content_index: 0, audio_end_ms: -1 }),
    ).toMatchObject({ code: 'invalid_value', param: 'audio_end_ms' });
    expect(await wrong({ type: 'input_audio_buffer.append', audio: 'no base64!' })).toMatchObject({
      param: 'audio',
      message: 'audio: expected base64',
    });
    expect(
      await wrong({
        type: 'session.update',
        session: {
          type: 'realtime',
          audio: { input: { turn_detection: { type: 'server_vad', threshold: 2 } } },
        },
      }),
    ).toMatchObject({ param: 'session.audio.input.turn_detection.threshold' });
    expect(
      await wrong({ type: 'session.update', session: { type: 'realtime', prompt: { id: 'p' } } }),
    ).toMatchObject({ code: 'unsupported', param: 'session.prompt' });
    // Nobody speaks here: no talker is configured.
    client.say('Hi');
    client.send(CREATE);
    expect((await client.next('response.done')).response).toMatchObject({
      status: 'failed',
      status_details: { error: { code: 'speech_not_served' } },
    });
    client.send(TEXT);
    client.send({ ...CREATE, response: { max_output_tokens: 1 } });
    expect((await client.next('response.done')).response.output).toHaveLength(1);
    await closed(client);
  });

  it('is given calls of its functions, and answered with what they gave', async () => {
    thinker.options.says = ({ prompt }) => {
      const turns = prompt?.$case === 'chat' ? prompt.value.messages : [];
      if (turns.at(-1)?.role === 'tool') return ['It is ', `${turns.at(-1)?.content}.`];
      return ['<tool_call>{"name": "time", ', '"arguments": {"zone": "UTC"}}</tool_call>'];
    };
    const client = await open();
    const parameters = { type: 'object', properties: { zone: { type: 'string' } } };
    const tools = [{ type: 'function', name: 'time', description: 'The time.', parameters }];
    client.send({ type: 'session.update', session: { ...TEXT.session, tools } });
    client.say('What time is it?');
    client.send(CREATE);
    const called = await client.next('response.function_call_arguments.done');
    expect(called).toMatchObject({ name: 'time' });
    expect(JSON.parse(called.arguments)).toEqual({ zone: 'UTC' });
    const { response } = await client.next('response.done');
    expect(response.output).toMatchObject([{ type: 'function_call', call_id: called.call_id }]);
    const item = { type: 'function_call_output', call_id: called.call_id, output: '12:00' };
    client.send({ type: 'conversation.item.create', item });
    client.send(CREATE);
    expect((await client.next('response.output_text.done')).text).toBe('It is 12:00.');
    await client.next('response.done');
    expect(client.types()).not.toContain('error');
    await closed(client);
  });

  it('that sends more than an event may hold is closed for it', async () => {
    const client = await open();
    client.send({ type: 'input_audio_buffer.append', audio: 'A'.repeat(65_536) });
    expect((await client.gone()).code).toBe(1009);
  });
});

describe('a WebSocket is refused', () => {
  it.each([
    ['without a key', 'model=paced', {}, 401, 'invalid_api_key'],
    ['with a wrong key', 'model=paced', authorization('zen_nobody'), 401, 'invalid_api_key'],
    ['without a model', '', authorization(), 400, 'invalid_request'],
    ['for a model that is not there', 'model=gone', authorization(), 404, 'model_not_found'],
    ['for another intent', 'model=paced&intent=x', authorization(), 400, 'invalid_request'],
    [
      'from a page elsewhere',
      'model=paced',
      { ...authorization(), origin: 'https://evil.example' },
      403,
      'forbidden',
    ],
    ['for a session that is not there', 'model=paced&resume=sess_1.x', authorization(), 404, 'not_found'],
  ])('%s', async (_, query, options, status, code) => {
    expect(await refusal(query, options)).toMatchObject({ status, error: { code } });
  });

  it('where there are enough, and one ends with its client', async () => {
    const metrics = async () => (await fetch(`${running.url}/metrics`)).text();
    const none = async () => /realtime_sessions 0$/m.test(await metrics());
    await until('those before are over', none);
    const clients = await Promise.all([
      open(),
      open(),
      open('model=paced', { ...authorization(), origin: 'https://page.example' }),
    ]);
    expect(await refusal('model=paced', authorization())).toMatchObject({ status: 429 });
    await Promise.all(clients.map(closed));
    await until('no session is left', none);
  });
});

describe('a client secret', () => {
  const ask = (body: object) =>
    running.post('/v1/realtime/client_secrets', body, { headers: { authorization: `Bearer ${KEY}` } });

  it('opens the session that it was asked for', async () => {
    const response = await ask({
      expires_after: { anchor: 'created_at', seconds: 60 },
      session: { type: 'realtime', model: 'paced', instructions: 'Be brief.', output_modalities: ['text'] },
    });
    const { value, expires_at } = (await response.json()) as { value: string; expires_at: number };
    expect(expires_at).toBeGreaterThan(Date.now() / 1000);
    const client = await open('', { protocols: ['realtime', `openai-insecure-api-key.${value}`] });
    expect((await client.next('session.created')).session).toMatchObject({
      model: 'paced',
      instructions: 'Be brief.',
      output_modalities: ['text'],
    });
    client.say('Hi');
    client.send(CREATE);
    expect((await client.next('response.done')).response.output).toHaveLength(1);
    await closed(client);
    expect(await refusal('model=paced', authorization(`${value}x`))).toMatchObject({ status: 401 });
    // It is good for sessions alone.
    const chat = await running.post(
      '/v1/chat/completions',
      {},
      { headers: { authorization: `Bearer ${value}` } },
    );
    expect(chat.status).toBe(401);
  });

  it('is refused for a session that cannot be', async () => {
    const response = await ask({ session: { type: 'realtime', output_modalities: ['smell'] } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'output_modalities[0]' } });
  });
});

describe('what is cancelled', () => {
  it('by the client ends at the thinker, and the next response begins', async () => {
    thinker.options.pieceMs = 5;
    const client = await open();
    client.send(TEXT);
    client.say('Hi');
    client.send({ ...CREATE, response: { max_output_tokens: 100_000 } });
    await client.next('response.output_text.delta');
    client.send({ type: 'response.cancel' });
    expect((await client.next('response.done')).response.status).toBe('cancelled');
    await until('nothing runs at the thinker', () => thinker.active === 0);
    client.send({ ...CREATE, response: { max_output_tokens: 1 } });
    expect((await client.next('response.done')).response.output).toHaveLength(1);
    await closed(client);
  });

  it('by the end of its connection ends at the thinker', async () => {
    thinker.options.pieceMs = 5;
    const client = await open();
    client.send(TEXT);
    client.say('Hi');
    client.send({ ...CREATE, response: { max_output_tokens: 100_000 } });
    await client.next('response.output_text.delta');
    expect(thinker.active).toBe(1);
    await closed(client);
    await until('nothing runs at the thinker', () => thinker.active === 0);
  });
});

describe('a connection that drops', () => {
  it('comes back to its session: nothing is lost, nothing comes twice', async () => {
    thinker.options.pieceMs = 5;
    const client = await open();
    const { session } = await client.next('session.created');
    client.send(TEXT);
    client.say('Hi');
    client.send({ ...CREATE, response: { max_output_tokens: 100 } });
    for (let i = 0; i < 5; i++) await client.next('response.output_text.delta');
    client.socket.terminate();
    await client.gone();
    const after = client.events.at(-1)?.event_id ?? '';
    const query = `model=paced&resume=${session['x-zen'].resume_token}&after=${after}`;
    expect(await refusal(query, authorization(OTHER))).toMatchObject({ status: 404 });
    const back = await open(query);
    expect(await back.next('x-zen.session.resumed')).toMatchObject({ received: 3, session_id: session.id });
    await back.next('response.done');
    const all = [...client.events, ...back.events.slice(1)];
    const numbers = all.map(({ event_id }) => Number(event_id.slice('event_'.length)));
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
    const text = all.flatMap(({ type, delta }) => (type === 'response.output_text.delta' ? [delta] : []));
    expect(text).toEqual([...Array(100).keys()].map((i) => `w${i} `));
    // What the client has for good is not kept.
    back.send({ type: 'x-zen.ack', up_to: `event_${numbers.length}` });
    back.send({ type: 'input_audio_buffer.clear' });
    await back.next('input_audio_buffer.cleared');
    const stale = query.replace(/after=.*/, 'after=event_1');
    expect(await refusal(stale, authorization())).toMatchObject({ status: 409, error: { param: 'after' } });
    await closed(back);
    expect(await refusal(query, authorization())).toMatchObject({ status: 404 });
  });
});
