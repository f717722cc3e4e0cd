import { Client, credentials, status } from '@grpc/grpc-js';
import { GenerateRequest, ThinkerServiceDefinition, TokenizeRequest, TokenizeResponse } from '@zen/contracts';
import { client } from '@zen/rpc';
import { collect, type SimulatedThinker, simulatedThinker } from './simulated-thinker.fixture';

// A thousand connections at once, beside another suite: no test here is about time.
jest.setTimeout(240_000);

/** Bytes as a hostile or broken client sends them. */
describe('on the wire', () => {
  let server: SimulatedThinker;
  let raw: Client;
  beforeAll(async () => {
    server = await simulatedThinker();
    await server.thinker.climbed;
    raw = new Client(server.thinker.address, credentials.createInsecure());
  });
  afterAll(async () => {
    raw.close();
    await server.stop();
  });
  const same = (bytes: Buffer) => bytes;
  const generate = (bytes: Buffer) =>
    new Promise<number>((resolve) => {
      const call = raw.makeServerStreamRequest('/zen.v1.ThinkerService/Generate', same, same, bytes);
      call.on('data', () => undefined);
      call.on('error', (error: { code: number }) => resolve(error.code));
      call.on('end', () => resolve(status.OK));
    });

  const request = Buffer.from(
    GenerateRequest.encode(
      GenerateRequest.fromPartial({
        prompt: { $case: 'text', value: 'hello' },
        maxTokens: 2,
        sampling: { stop: ['x'] },
      }),
    ).finish(),
  );

  test('a message cut anywhere or with a bit flipped is answered or refused, and the server goes on', async () => {
    const outcomes = new Set<number>();
    for (let length = 0; length < request.length; length++) {
      outcomes.add(await generate(request.subarray(0, length)));
    }
    for (let bit = 0; bit < 8 * request.length; bit++) {
      const flipped = Buffer.from(request);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      outcomes.add(await generate(flipped));
    }
    expect(outcomes).toContain(status.OK);
    expect(outcomes).not.toContain(status.UNAVAILABLE);
    const expected = [
      status.OK,
      status.INVALID_ARGUMENT,
      status.NOT_FOUND,
      status.INTERNAL,
      status.FAILED_PRECONDITION,
    ];
    for (const outcome of outcomes) expect(expected).toContain(outcome);
    expect(await generate(request)).toBe(status.OK);
  });

  test('bytes that are no UTF-8 become replacement characters', async () => {
    const bytes = Buffer.from(
      TokenizeRequest.encode(TokenizeRequest.fromPartial({ input: { $case: 'text', value: 'ab' } })).finish(),
    );
    bytes[bytes.length - 1] = 0xff;
    const answer = await new Promise<Buffer>((resolve, reject) => {
      raw.makeUnaryRequest('/zen.v1.ThinkerService/Tokenize', same, same, bytes, (error, value) =>
        error ? reject(error) : resolve(value as Buffer),
      );
    });
    const { tokenIds } = TokenizeResponse.decode(answer);
    expect(server.tokenizer.decode(tokenIds)).toBe('a\ufffd');
  });

  test('an rpc that does not exist is UNIMPLEMENTED', async () => {
    const code = await new Promise<number>((resolve) => {
      raw.makeUnaryRequest('/zen.v1.ThinkerService/Frobnicate', same, same, request, (error) =>
        resolve(error?.code ?? status.OK),
      );
    });
    expect(code).toBe(status.UNIMPLEMENTED);
  });

  test('1,000 connections at once are all answered', async () => {
    const connections = Array.from({ length: 1000 }, () =>
      client(ThinkerServiceDefinition, server.thinker.address),
    );
    const answers = await Promise.allSettled(
      connections.map((one, i) =>
        collect(
          one.generate({ prompt: { $case: 'tokens', value: { tokenIds: [3 + (i % 500)] } }, maxTokens: 2 }),
        ),
      ),
    );
    // 544 fit batch and queue; whoever comes while they are full is told so.
    const refused = answers.filter(
      ({ status: outcome }) => outcome === 'rejected',
    ) as PromiseRejectedResult[];
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(544);
    for (const one of connections) one.close();
    expect((await server.client.describe({})).load).toMatchObject({ running: 0, waiting: 0 });
  });
});
