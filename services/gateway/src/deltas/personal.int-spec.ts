import { GatewayServiceDefinition } from '@zen/contracts';
import { client, RpcError } from '@zen/rpc';
import { deltaStoreMissing } from '@zen/testing';
import { chatOf, eventsOf, type PacedThinker, type Running, until } from '../gateway.fixture';
import { apiError, deltaFile, keyOf, openaiOf, PersonalFleet, personalThinker } from './personal.fixture';

jest.setTimeout(180_000);

const missing = deltaStoreMissing();
if (missing) process.stdout.write(`skipped: deltas in the flow: ${missing}\n`);

(missing ? describe.skip : describe)('deltas in the flow', () => {
  let fleet: PersonalFleet;
  beforeAll(async () => {
    fleet = await PersonalFleet.start();
  });
  afterEach(() => fleet.closeGateways());
  afterAll(() => fleet.close());

  const digestOf = (thinker: PacedThinker) => thinker.requests.at(-1)?.delta?.digest;
  const ask = (
    running: Running,
    model: string,
    headers: Record<string, string> = {},
    key = 'acme',
    more = {},
  ) =>
    openaiOf(running, key)
      .chat.completions.create({ ...chatOf('hi', { max_tokens: 2 }), model, ...more }, { headers })
      .withResponse();

  describe('which delta answers', () => {
    test('each way to name it; the digest that answered is in the response', async () => {
      const thinker = personalThinker();
      const running = await fleet.gateway([thinker]);
      const alice = await fleet.publish('acme', deltaFile(1), 'users/alice');
      const ways: [string, Record<string, string>, string, object, string | null][] = [
        ['paced', {}, 'acme', {}, null],
        ['paced:users/alice', {}, 'acme', {}, alice],
        [`paced:${alice}`, {}, 'acme', {}, alice],
        ['paced', { 'x-zen-delta': 'users/alice' }, 'acme', {}, alice],
        ['paced', { 'x-zen-delta': alice }, 'acme', {}, alice],
        ['paced', {}, 'ruled', { user: 'alice' }, alice],
        ['paced', { 'x-zen-delta': 'none' }, 'ruled', { user: 'alice' }, null],
        ['paced', {}, 'ruled', {}, null],
      ];
      for (const [model, headers, key, more, want] of ways) {
        const { data, response } = await ask(running, model, headers, key, more);
        expect([response.headers.get('x-zen-delta'), digestOf(thinker) ?? null]).toEqual([want, want]);
        expect(data.model).toBe('paced');
      }
    });

    test('a thinker gets a token for this digest of this tenant, to read, and nothing else', async () => {
      const thinker = personalThinker();
      const running = await fleet.gateway([thinker]);
      const digest = await fleet.publish('acme', deltaFile(2), 'prod');
      await ask(running, 'paced:prod');
      const token = thinker.requests[0]?.delta?.token ?? '';
      expect(fleet.store.tokens.verify(token)).toEqual({ tenant: 'acme', may: 'read', digest });
    });

    test('over gRPC, in the first event, the headers and the trailers', async () => {
      const running = await fleet.gateway([personalThinker()]);
      const digest = await fleet.publish('acme', deltaFile(3), 'prod');
      const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
      const said: string[] = [];
      const options = {
        metadata: { authorization: `Bearer ${keyOf('acme')}` },
        onHeaders: (values: Record<string, string>) => said.push(values['x-zen-delta'] ?? ''),
        onTrailers: (values: Record<string, string>) => said.push(values['x-zen-delta'] ?? ''),
      };
      const messages = [{ role: 'user', content: 'hi' }];
      for await (const { event } of rpc.chat(
        { model: 'paced', messages, maxTokens: 1, delta: 'prod' },
        options,
      )) {
        if (event?.$case === 'started') said.push(event.value.deltaDigest);
      }
      rpc.close();
      expect(said).toEqual([digest, digest, digest]);
    });

    test('an alias that moves counts from the next request on', async () => {
      const thinker = personalThinker();
      const running = await fleet.gateway([thinker]);
      for (const seed of [4, 5, 6, 4]) {
        const digest = await fleet.publish('acme', deltaFile(seed), 'moving');
        await ask(running, 'paced:moving');
        expect(digestOf(thinker)).toBe(digest);
      }
    });
  });

  describe('the base never answers in place of a delta (promise 2)', () => {
    const failing = async (running: Running, thinker: PacedThinker, name: string, key = 'acme') => {
      const before = thinker.requests.filter(({ delta }) => delta === undefined).length;
      const { status, code, message } = await apiError(ask(running, 'paced', { 'x-zen-delta': name }, key));
      expect(thinker.requests.filter(({ delta }) => delta === undefined)).toHaveLength(before);
      return { status, code, message };
    };

    test('missing, and another tenant’s: the same error', async () => {
      const thinker = personalThinker();
      const running = await fleet.gateway([thinker]);
      const digest = await fleet.publish('acme', deltaFile(10), 'secret');
      const missing = { status: 404, code: 'delta_not_found' };
      const told = [
        await failing(running, thinker, 'nobody'),
        await failing(running, thinker, `sha256:${'00'.repeat(32)}`),
        await failing(running, thinker, 'secret', 'rival'),
        await failing(running, thinker, digest, 'rival'),
      ];
      for (const one of told) expect(one).toMatchObject(missing);
      // Promise 5: what another tenant has sounds like what nobody has.
      expect(told[3]?.message.replace(digest, 'X')).toBe(
        told[1]?.message.replace(`sha256:${'00'.repeat(32)}`, 'X'),
      );
      expect(thinker.requests).toHaveLength(0);
    });

    test('of another base', async () => {
      const thinker = personalThinker();
      const running = await fleet.gateway([thinker]);
      await fleet.publish('acme', deltaFile(11, { base: `sha256:${'cd'.repeat(32)}` }), 'foreign');
      expect(await failing(running, thinker, 'foreign')).toMatchObject({
        status: 409,
        code: 'delta_wrong_base',
      });
      expect(thinker.requests).toHaveLength(0);
    });

    test.each([
      ['DATA_LOSS', 'delta_corrupt', 500],
      ['FAILED_PRECONDITION', 'delta_revoked', 410],
      ['NOT_FOUND', 'delta_not_found', 404],
      ['INVALID_ARGUMENT', 'delta_too_large', 400],
    ] as const)('what a thinker finds, %s %s, is %i', async (code, name, status) => {
      const before = () => {
        throw new RpcError(code, 'delta: why', { 'x-zen-failure': name });
      };
      const thinkers = [personalThinker({ before }), personalThinker({ before })];
      const running = await fleet.gateway(thinkers);
      await fleet.publish('acme', deltaFile(12), 'bad');
      expect(await failing(running, thinkers[0] as PacedThinker, 'bad')).toMatchObject({
        status,
        code: name,
      });
      // No replica is asked again, and none is unwell for it.
      expect(thinkers.flatMap(({ requests }) => requests)).toHaveLength(1);
    });

    test('a thinker that knows no deltas is not believed; another one answers', async () => {
      const old = personalThinker({ answersWith: () => '' });
      const running = await fleet.gateway([old]);
      const digest = await fleet.publish('acme', deltaFile(13), 'prod');
      const { status, code } = await apiError(ask(running, 'paced:prod', {}, 'acme', { max_tokens: 5000 }));
      expect({ status, code }).toEqual({ status: 503, code: 'unavailable' });
      await until('its answer is given up', () => old.cancelled === 1);
      const mixed = await fleet.gateway([personalThinker({ answersWith: () => '' }), personalThinker()]);
      const { response } = await ask(mixed, 'paced:prod');
      expect(response.headers.get('x-zen-delta')).toBe(digest);
    });

    test('replicas of another base and without places are passed over', async () => {
      const others = [
        personalThinker({ baseDigest: `sha256:${'ee'.repeat(32)}` }),
        personalThinker({ deltas: undefined }),
      ];
      const right = personalThinker();
      const running = await fleet.gateway([...others, right]);
      await fleet.publish('acme', deltaFile(14), 'prod');
      for (let i = 0; i < 6; i++) await ask(running, 'paced:prod');
      expect(right.requests).toHaveLength(6);
      const without = await fleet.gateway(others);
      expect(await failing(without, others[0] as PacedThinker, 'prod')).toMatchObject({
        status: 400,
        code: 'unsupported',
      });
    });

    test('the store away: deltas fail by name, the base goes on, and all is well when it is back', async () => {
      const running = await fleet.gateway([personalThinker()], { ZEN_DELTA_TIMEOUT: '200ms' });
      const digest = await fleet.publish('acme', deltaFile(15), 'prod');
      await fleet.store.end('SIGKILL');
      const { status, code } = await apiError(ask(running, 'paced:prod'));
      expect({ status, code }).toEqual({ status: 503, code: 'delta_store_unavailable' });
      expect((await ask(running, 'paced')).response.headers.get('x-zen-delta')).toBeNull();
      await fleet.store.start();
      await until('the store is found again', async () => {
        const answer = await ask(running, 'paced:prod').catch(() => undefined);
        return answer?.response.headers.get('x-zen-delta') === digest;
      });
    });
  });

  describe('one digest from the first token to the last (promise 3)', () => {
    const stream = { stream: true, max_tokens: 30 };
    const post = (running: Running, body: object, headers: Record<string, string> = {}) =>
      running.post('/v1/chat/completions', body, {
        headers: { authorization: `Bearer ${keyOf('acme')}`, ...headers },
      });

    test('also at the thinker that goes on with it, although the alias has moved', async () => {
      const hold: { lose: () => void } = { lose: () => {} };
      const lost = new Promise<void>((resolve) => {
        hold.lose = resolve;
      });
      const before = async (index: number, { resumeTokenIds }: { resumeTokenIds: number[] }) => {
        if (index !== 10 || resumeTokenIds.length > 0) return;
        await lost;
        throw new RpcError('UNAVAILABLE', 'Connection dropped');
      };
      const thinkers = [personalThinker({ before }), personalThinker({ before })];
      const running = await fleet.gateway(thinkers);
      const first = await fleet.publish('acme', deltaFile(20), 'drift');
      const answer = await post(running, { ...chatOf('hi', stream), model: 'paced:drift' });
      await fleet.publish('acme', deltaFile(21), 'drift');
      hold.lose();
      const events = await eventsOf(answer);
      expect(events.at(-1)).toBe('[DONE]');
      expect(answer.headers.get('x-zen-delta')).toBe(first);
      const asked = thinkers.flatMap(({ requests }) => requests);
      expect(asked.map(({ delta }) => delta?.digest)).toEqual([first, first]);
      expect(asked.some(({ resumeTokenIds }) => resumeTokenIds.length === 10)).toBe(true);
    });

    test('also at another gateway, by Last-Event-ID', async () => {
      const thinker = personalThinker();
      const running = await fleet.gateway([thinker]);
      const first = await fleet.publish('acme', deltaFile(22), 'drift');
      const body = { ...chatOf('hi', stream), model: 'paced:drift' };
      const text = await (await post(running, body)).text();
      const ids = [...text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id as string);
      const token = ids[4] as string;
      await fleet.publish('acme', deltaFile(23), 'drift');
      const other = await fleet.gateway([thinker]);
      const rest = await post(other, body, { 'last-event-id': token });
      expect(rest.headers.get('x-zen-delta')).toBe(first);
      expect(digestOf(thinker)).toBe(first);
      const elsewhere = await post(other, { ...body, model: 'paced' }, { 'last-event-id': token });
      expect(await elsewhere.json()).toMatchObject({
        error: { code: 'invalid_request', param: 'last-event-id' },
      });
      await rest.text();
    });
  });

  describe('where a delta’s requests go', () => {
    test('to one home while there is room, and homes are spread', async () => {
      const thinkers = [personalThinker(), personalThinker(), personalThinker()];
      const running = await fleet.gateway(thinkers);
      const homes = new Set<PacedThinker>();
      for (let seed = 30; seed < 42; seed++) {
        const digest = await fleet.publish('acme', deltaFile(seed));
        for (let i = 0; i < 3; i++) await ask(running, `paced:${digest}`);
        const asked = thinkers.filter(({ requests }) =>
          requests.some(({ delta }) => delta?.digest === digest),
        );
        expect(asked).toHaveLength(1);
        homes.add(asked[0] as PacedThinker);
      }
      expect(homes.size).toBe(3);
    });

    test('elsewhere when every place there is taken', async () => {
      const before = () => {
        throw new RpcError('RESOURCE_EXHAUSTED', 'delta: no place is free', {
          'x-zen-failure': 'delta_no_room',
        });
      };
      const full = personalThinker({ before });
      const free = personalThinker();
      const running = await fleet.gateway([full, free]);
      for (let seed = 50; seed < 56; seed++) {
        const digest = await fleet.publish('acme', deltaFile(seed));
        expect((await ask(running, `paced:${digest}`)).response.headers.get('x-zen-delta')).toBe(digest);
      }
      expect(full.requests.length).toBeGreaterThan(0);
      const alone = await fleet.gateway([personalThinker({ before })]);
      await fleet.publish('acme', deltaFile(57), 'prod');
      const { status, code } = await apiError(ask(alone, 'paced:prod'));
      expect({ status, code }).toEqual({ status: 429, code: 'overloaded' });
    });
  });

  test('metrics have no digest and no alias in them', async () => {
    const running = await fleet.gateway([personalThinker()]);
    const digest = await fleet.publish('acme', deltaFile(60), 'users/quokka');
    await ask(running, 'paced:users/quokka');
    await apiError(ask(running, 'paced:users/wombat'));
    const text = await (await fetch(`${running.url}/metrics`)).text();
    expect(text).toContain('zen_gateway_delta_answers_total{model="paced",recipe="vec"} 1');
    expect(text).toMatch(/zen_gateway_delta_resolve_seconds_count\{outcome="delta_not_found"\} 1/);
    for (const name of [digest, digest.slice(7), 'quokka', 'wombat']) expect(text).not.toContain(name);
  });
});
