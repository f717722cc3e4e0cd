import type { GenerateRequest, GenerateResponse, Piece } from '@zen/contracts';
import {
  type Answer,
  collect,
  type SimulatedThinker,
  says,
  simulatedThinker,
} from '../simulated-thinker.fixture';

jest.setTimeout(120_000);

const TEXT = 'Grüße, 世界! 🥊🥋 — a stop that is no sto, then the STOP. And more: 日本語テキスト 👩‍👩‍👧.';
const prompt = { $case: 'text' as const, value: 'Say it.' };
type Request = Parameters<SimulatedThinker['client']['generate']>[0];

async function piecesOf(stream: AsyncIterable<GenerateResponse>): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const { event } of stream) if (event?.$case === 'piece') pieces.push(event.value);
  return pieces;
}

describe('an answer that another call began', () => {
  let server: SimulatedThinker;
  beforeAll(async () => {
    server = await simulatedThinker({
      model: { next: says(TEXT) },
      env: { ZEN_SPECULATION: 'off', ZEN_MAX_RUNNING: '64' },
    });
    await server.thinker.climbed;
  });
  afterAll(() => server.stop());

  const cases: [string, Request][] = [
    ['up to its end token', {}],
    ['up to its length', { maxTokens: 40 }],
    ['up to a stop text whose beginning came before', { sampling: { stop: ['STOP'] } }],
    ['up to a stop text inside characters of several tokens', { sampling: { stop: ['🥋 —', 'nothing'] } }],
    ['past its end token', { maxTokens: 120, sampling: { ignoreEos: true } }],
  ];
  test.each(cases)('%s: goes on after every token as if nothing had happened', async (_, more) => {
    const request = { prompt, ...more, sampling: { seed: 7n, ...more.sampling } };
    const whole = await collect(server.client.generate(request));
    const pieces = await piecesOf(server.client.generate(request));
    const cuts = whole.tokenIds.map((_, i) => i + 1);
    // One token a piece; what belongs to no token comes with the last message and was not delivered before it.
    expect(pieces.slice(0, cuts.length).every(({ tokenIds }) => tokenIds.length === 1)).toBe(true);
    const rests = cuts.map((cut) =>
      collect(server.client.generate({ ...request, resumeTokenIds: whole.tokenIds.slice(0, cut) })),
    );
    for (const [i, rest] of (await Promise.all(rests)).entries()) {
      const before = pieces.slice(0, i + 1);
      expect(before.map(({ text }) => text).join('') + rest.text).toBe(whole.text);
      expect([...before.flatMap(({ tokenIds }) => tokenIds), ...rest.tokenIds]).toEqual(whole.tokenIds);
      expect(endOf(rest)).toEqual(endOf(whole));
    }
  });

  test('log probabilities go on with the token that follows', async () => {
    const request = { prompt, maxTokens: 30, sampling: { logprobs: 2 } };
    const whole = await piecesOf(server.client.generate(request));
    const resumeTokenIds = whole.slice(0, 11).flatMap(({ tokenIds }) => tokenIds);
    const rest = await piecesOf(server.client.generate({ ...request, resumeTokenIds }));
    const logprobs = (pieces: Piece[]) => pieces.flatMap((piece) => piece.logprobs);
    expect([...logprobs(whole.slice(0, 11)), ...logprobs(rest)]).toEqual(logprobs(whole));
  });

  test('its metrics count only the tokens of this call', async () => {
    const completion = async () => {
      const text = await (await fetch(`http://${server.thinker.probeAddress}/metrics`)).text();
      return Number(/^zen_thinker_tokens_total\{kind="completion"\} (\d+)/m.exec(text)?.[1] ?? 0);
    };
    const whole = await collect(server.client.generate({ prompt, maxTokens: 30 }));
    const before = await completion();
    await collect(
      server.client.generate({ prompt, maxTokens: 30, resumeTokenIds: whole.tokenIds.slice(0, 20) }),
    );
    expect((await completion()) - before).toBe(10);
  });

  test.each([
    ['more tokens than were asked for', { maxTokens: 2, resumeTokenIds: [5, 6, 7] }, /3 ids .* limit 2/],
    ['more than the context holds', { resumeTokenIds: Array(600).fill(5) }, /600 ids .* limit 5\d\d/],
    ['an id that there is not', { resumeTokenIds: [514] }, /token id 514, must be 0 to 513/],
  ])('refuses %s by name', async (_, more, message) => {
    const answer = collect(server.client.generate({ prompt, ...more } as Partial<GenerateRequest>));
    await expect(answer).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(collect(server.client.generate({ prompt, ...more }))).rejects.toThrow(
      new RegExp(`^resume_token_ids: ${message.source}`),
    );
  });
});

test('a seed goes on with the numbers that it would have drawn', async () => {
  const server = await simulatedThinker();
  await server.thinker.climbed;
  const request = { prompt, maxTokens: 80, sampling: { temperature: 1, seed: 99n, ignoreEos: true } };
  const whole = await collect(server.client.generate(request));
  for (const cut of [1, 17, 63, 79]) {
    const resumeTokenIds = whole.tokenIds.slice(0, cut);
    const rest = await collect(server.client.generate({ ...request, resumeTokenIds }));
    expect([...resumeTokenIds, ...rest.tokenIds]).toEqual(whole.tokenIds);
  }
  await server.stop();
});

/** What an end says whatever cache and drafts did. */
function endOf({ finished }: Answer) {
  const { promptTokens, completionTokens } = finished?.usage ?? {};
  return { reason: finished?.reason, stop: finished?.stop, promptTokens, completionTokens };
}

test('no piece reaches over the token that it is to be cut at', async () => {
  // Four letters over and over: drafts give several tokens a step.
  const next = (_: readonly number[], __: unknown, count: number) => 70 + (count % 4);
  const pace = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
  const server = await simulatedThinker({ model: { next, pace }, env: { ZEN_SPECULATION: 'prompt-lookup' } });
  await server.thinker.climbed;
  for (const cutAtToken of [1, 90, 91, 92, 93]) {
    let count = 0;
    const ends: number[] = [];
    for (const { tokenIds } of await piecesOf(
      server.client.generate({ prompt, maxTokens: 120, cutAtToken }),
    )) {
      count += tokenIds.length;
      ends.push(count);
    }
    expect(ends).toContain(cutAtToken);
    expect(count).toBe(120);
  }
  await server.stop();
});
