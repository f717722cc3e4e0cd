import { collect, type SimulatedThinker, simulatedThinker } from './simulated-thinker.fixture';

/**
 * Says ten letters over and over. A step takes as long with drafts as without, and long enough that the machine's
 * own hiccups do not make drafts look dear.
 */
const model = {
  next: (_: readonly number[], __: unknown, count: number) => 70 + (count % 10),
  pace: () => new Promise<void>((resolve) => setTimeout(resolve, 15)),
};
const prompt = { $case: 'text' as const, value: 'Letters, please.' };

async function metric(server: SimulatedThinker, kept: boolean): Promise<number> {
  const text = await (await fetch(`http://${server.thinker.probeAddress}/metrics`)).text();
  const name = `zen_thinker_draft_tokens_total{drafter="prompt-lookup",kept="${kept}"}`;
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.slice(name.length),
  );
}

/** Asks until `enough` tokens were accepted: where the machine is busy drafts look dear, and are tried again later. */
async function answers(speculation: string, enough: number) {
  const env = { ZEN_SPECULATION: speculation, ZEN_PROBE_LISTEN: '127.0.0.1:0' };
  const server = await simulatedThinker({ env, model });
  try {
    await server.thinker.climbed;
    const all: Awaited<ReturnType<typeof collect>>[] = [];
    const sum = (of: 'draftTokens' | 'acceptedDraftTokens') =>
      all.reduce((total, { finished }) => total + (finished?.usage?.[of] ?? 0), 0);
    do all.push(await collect(server.client.generate({ prompt, maxTokens: 200 })));
    while (sum('acceptedDraftTokens') < enough && all.length < MOST_ANSWERS);
    return {
      all,
      drafted: sum('draftTokens'),
      accepted: sum('acceptedDraftTokens'),
      told: { accepted: await metric(server, true), rejected: await metric(server, false) },
    };
  } finally {
    await server.stop();
  }
}

const MOST_ANSWERS = 10;
jest.setTimeout(60_000);

test('an answer says what was drafted for it, and so do the metrics; the text is the same', async () => {
  const [plain, drafting] = [await answers('off', 0), await answers('auto', 21)];
  const [first] = plain.all;
  expect(first?.tokenIds).toHaveLength(200);
  expect({ drafted: plain.drafted, accepted: plain.accepted }).toEqual({ drafted: 0, accepted: 0 });
  for (const { text, tokenIds } of drafting.all)
    expect({ text, tokenIds }).toEqual({ text: first?.text, tokenIds: first?.tokenIds });
  const { drafted, accepted, told } = drafting;
  expect(accepted).toBeGreaterThan(20);
  expect(told).toEqual({ accepted, rejected: drafted - accepted });
  const fewest = Math.min(...drafting.all.map(({ pieces }) => pieces.length));
  expect(fewest).toBeLessThan(first?.pieces.length ?? 0);
});

test('a setting that there is not stops the start by name', async () => {
  await expect(simulatedThinker({ env: { ZEN_SPECULATION: 'always' } })).rejects.toThrow(
    /ZEN_SPECULATION.*must be auto, off, prompt-lookup or stage/s,
  );
});
