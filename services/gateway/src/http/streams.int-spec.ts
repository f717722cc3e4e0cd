import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { RpcError } from '@zen/rpc';
import { chatOf, eventsOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(120_000);

describe('streams', () => {
  let thinker: PacedThinker;
  let running: Running;
  let hold: Promise<void> | undefined;
  let failAt = Number.POSITIVE_INFINITY;
  beforeAll(async () => {
    thinker = new PacedThinker({
      before: async (index) => {
        await hold;
        if (index >= failAt) throw new RpcError('INTERNAL', 'the paced thinker broke');
      },
    });
    running = await openGateway([thinker]);
  });
  afterAll(() => running.stop());
  beforeEach(() => {
    hold = undefined;
    failAt = Number.POSITIVE_INFINITY;
    thinker.cancelled = 0;
  });

  const body = (max: number, stream = true) => JSON.stringify(chatOf('hi', { max_tokens: max, stream }));

  /** Sends a chat on a connection of its own. */
  function send(text: string): { socketGone: () => void; response: Promise<IncomingMessage> } {
    const headers = { 'content-type': 'application/json' };
    const request = httpRequest(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      agent: false,
    });
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    response.catch(() => {});
    request.end(text);
    return { socketGone: () => request.destroy(), response };
  }

  describe('a client that disconnects', () => {
    test('before its headers are complete', async () => {
      await half('POST /v1/chat/completions HTTP/1.1\r\nhost: local');
      expect(thinker.active).toBe(0);
    });

    test('in the middle of its body', async () => {
      const head =
        'POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
      const before = thinker.requests.length;
      await half(`${head}content-length: 1000\r\n\r\n{"model":`);
      await until('the request is over', async () => (await inFlight()) === 0);
      expect(thinker.requests).toHaveLength(before);
    });

    test.each([true, false])('before the first token (stream: %p)', async (stream) => {
      hold = new Promise(() => {});
      const { socketGone } = send(body(4, stream));
      await until('the thinker has it', () => thinker.active === 1);
      socketGone();
      // The stand-in is stuck in its own wait; the gateway is free of it all the same.
      await until('the request is over', async () => (await inFlight()) === 0);
      await thinker.stop();
      await running.stop();
      thinker = new PacedThinker({ before: thinker.options.before });
      hold = undefined;
      running = await openGateway([thinker]);
    });

    test.each([true, false])('in the middle of the answer (stream: %p)', async (stream) => {
      const { socketGone, response } = send(body(8000, stream));
      const produced = thinker.pieces;
      await until('pieces flow', () => thinker.pieces > produced + 3);
      if (stream) (await response).on('error', () => {});
      socketGone();
      await until('the thinker was told', () => thinker.cancelled === 1 && thinker.active === 0);
      await until('the request is over', async () => (await inFlight()) === 0);
    });

    test('after the last piece', async () => {
      const { response, socketGone } = send(body(2));
      (await response).resume();
      await until('it is done', () => thinker.active === 0);
      socketGone();
      expect(thinker.cancelled).toBe(0);
    });
  });

  test('a slow reader holds its own answer back, and no other', async () => {
    const big = new PacedThinker({ piece: () => 'x'.repeat(16 * 1024), pieceMs: 0, contextTokens: 100_000 });
    const wide = await openGateway([big]);
    const request = httpRequest(`${wide.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent: false,
    });
    const response = new Promise<IncomingMessage>((resolve) => request.once('response', resolve));
    request.end(body(10_000));
    const message = await response;
    message.pause();
    // The whole answer has 160 MB; only what the buffers on the way hold gets out.
    let last = -1;
    await until('the thinker stands still', async () => {
      const still = big.pieces === last;
      last = big.pieces;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return still && last > 0;
    });
    expect(big.pieces).toBeLessThan(2000);
    const quick = await wide.post('/v1/chat/completions', body(3));
    expect((await eventsOf(quick)).pop()).toBe('[DONE]');
    message.resume();
    const stopped = last;
    await until('it goes on once the reader does', () => big.pieces > stopped + 1000);
    message.on('error', () => {});
    request.destroy();
    await wide.stop();
  });

  test('a reader that never reads is cut off', async () => {
    const big = new PacedThinker({ piece: () => 'x'.repeat(64 * 1024), pieceMs: 0, contextTokens: 100_000 });
    const wide = await openGateway([big], { ZEN_STALL_TIMEOUT: '200ms' });
    const request = httpRequest(`${wide.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent: false,
    });
    request.once('response', (message) => message.pause().on('error', () => {}));
    request.on('error', () => {}).end(body(10_000));
    await until('it was cut off', () => big.cancelled === 1);
    await wide.stop();
  });

  test('an answer that breaks after its first piece says so and has no [DONE]', async () => {
    failAt = 2;
    const response = await running.post('/v1/chat/completions', body(5));
    expect(response.status).toBe(200);
    const events = await eventsOf(response);
    const text = events.map((event) => JSON.parse(event).choices?.[0]?.delta.content ?? '').join('');
    expect(text).toBe('w0 w1 ');
    expect(JSON.parse(events.pop() ?? '')).toMatchObject({
      error: { code: 'unavailable', type: 'server_error' },
    });
    // The circuit of a replica that failed several times in a row is open for a moment.
    const patient = { maxRetries: 10 };
    const stream = await running.openai.chat.completions.create(
      { ...chatOf('hi'), max_tokens: 5, stream: true },
      patient,
    );
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow('the model server failed');
  });

  test('1,000 connections at once, each gets its whole answer', async () => {
    const many = new PacedThinker({ pieceMs: 20 });
    const wide = await openGateway([many]);
    const texts = await Promise.all(
      [...Array(1000).keys()].map(async () => {
        const response = await fetchAlone(wide.url, body(8));
        return response;
      }),
    );
    const whole = [...Array(8).keys()].map((i) => `w${i} `).join('');
    const broken = texts.filter((text) => text !== whole);
    expect(broken).toEqual([]);
    expect(many.requests).toHaveLength(1000);
    await until('nothing is left', () => many.active === 0);
    await wide.stop();
  });

  /** The text of a streamed chat over a connection of its own. */
  function fetchAlone(url: string, text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const request = httpRequest(`${url}/v1/chat/completions`, { method: 'POST', headers, agent: false });
      request.once('error', reject);
      request.once('response', (message) => {
        let all = '';
        message.setEncoding('utf8').on('data', (chunk) => {
          all += chunk;
        });
        message.once('error', reject);
        message.once('end', () => {
          const events = [...all.matchAll(/^data: (\{.*)$/gm)].map(([, event = '']) => event);
          if (!all.endsWith('data: [DONE]\n\n')) return reject(new Error(`no end: ${all.slice(-200)}`));
          resolve(events.map((event) => JSON.parse(event).choices[0]?.delta.content ?? '').join(''));
        });
      });
      request.end(text);
    });
  }

  /** Writes part of a request and goes away. */
  async function half(text: string): Promise<void> {
    const [host, port] = running.gateway.httpAddress.split(':');
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), host, () => socket.write(text, () => socket.destroy()));
      socket.once('close', () => resolve()).once('error', reject);
    });
  }

  async function inFlight(): Promise<number> {
    const text = await (await fetch(`${running.url}/metrics`)).text();
    return Number(/^zen_gateway_requests_in_flight (\d+)$/m.exec(text)?.[1]);
  }
});
