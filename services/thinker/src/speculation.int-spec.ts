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

async function answer(speculation: string) {
  const env = { ZEN_SPECULATION: speculation, ZEN_PROBE_LISTEN: '127.0.0.1:0' };
  const server = await simulatedThinker({ env, model });
  try {
    await server.thinker.climbed;
    const answer = await collect(server.client.generate({ prompt, maxTokens: 200 }));
    return { ...answer, accepted: await metric(server, true), rejected: await metric(server, false) };
  } finally {
    await server.stop();
  }
}

jest.setTimeout(60_000);

test('an answer says what was drafted for it, and so do the metrics; the text is the same', async () => {
  const [plain, drafted] = [await answer('off'), await answer('auto')];
  expect(drafted.text).toBe(plain.text);
  expect(drafted.tokenIds).toEqual(plain.tokenIds);
  expect(drafted.tokenIds).toHaveLength(200);
  expect(plain.finished?.usage).toMatchObject({ draftTokens: 0, acceptedDraftTokens: 0 });
  const { draftTokens = 0, acceptedDraftTokens = 0 } = drafted.finished?.usage ?? {};
  expect(acceptedDraftTokens).toBeGreaterThan(20);
  expect(drafted.accepted).toBe(acceptedDraftTokens);
  expect(drafted.rejected).toBe(draftTokens - acceptedDraftTokens);
  expect(drafted.pieces.length).toBeLessThan(plain.pieces.length);
});

test('a setting that there is not stops the start by name', async () => {
  await expect(simulatedThinker({ env: { ZEN_SPECULATION: 'always' } })).rejects.toThrow(
    /ZEN_SPECULATION.*must be auto, off, prompt-lookup or stage/s,
  );
});
