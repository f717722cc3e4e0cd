import { ExpertFloor } from '@zen/contracts';
import { collect, type SimulatedThinker, simulatedThinker } from '../simulated-thinker.fixture';

jest.setTimeout(60_000);

describe('experts that are away, in an answer', () => {
  let thinker: SimulatedThinker;
  beforeAll(async () => {
    const experts = {
      exact: 'away',
      standIn: { standIn: 2, without: 0 },
      without: { standIn: 0, without: 1 },
    };
    thinker = await simulatedThinker({
      // Falls are counted in steps, and a draft that is taken saves some: one token a step here.
      env: { ZEN_SPECULATION: 'off' },
      model: { experts: ({ expertFloor = 'standIn' }) => experts[expertFloor] as never },
    });
  });
  afterAll(() => thinker.stop());

  const ask = (expertFloor: ExpertFloor, signal?: AbortSignal) =>
    thinker.client.generate(
      {
        prompt: { $case: 'text', value: 'hello' },
        sampling: { temperature: 0, ignoreEos: true },
        maxTokens: 4,
        expertFloor,
      },
      signal ? { signal } : {},
    );

  test.each([
    ['by default', ExpertFloor.EXPERT_FLOOR_UNSPECIFIED, { standIn: 8n, without: 0n }],
    ['without', ExpertFloor.EXPERT_FLOOR_WITHOUT, { standIn: 0n, without: 4n }],
  ])('%s: how it fell is told with every piece and at the end', async (_, floor, falls) => {
    const seen: bigint[] = [];
    for await (const { event } of ask(floor)) {
      if (event?.$case === 'piece' && event.value.tokenIds.length > 0) {
        const { standIn = 0n, without = 0n } = event.value.expertFalls ?? {};
        seen.push(standIn + without);
      } else if (event?.$case === 'finished') expect(event.value.expertFalls).toEqual(falls);
    }
    expect(seen.at(-1)).toBe(falls.standIn + falls.without);
    expect([...seen].sort()).toEqual(seen);
  });

  test('exact: it waits, is counted as waiting, and may be left', async () => {
    const leaving = new AbortController();
    const answer = collect(ask(ExpertFloor.EXPERT_FLOOR_EXACT, leaving.signal));
    const load = async () => (await thinker.client.describe({})).load;
    const until = async (waiting: number, running: number) => {
      for (;;) {
        const now = await load();
        if (now?.waiting === waiting && now.running === running) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await until(1, 0);
    leaving.abort();
    await expect(answer).rejects.toMatchObject({ code: 'CANCELLED' });
    await until(0, 0);
  });
});
