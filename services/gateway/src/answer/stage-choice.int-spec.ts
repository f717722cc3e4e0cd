import { Upgrade } from '@zen/contracts';
import { chatOf, eventsOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(120_000);

/** A stage 4 that 64 streams slow to 135 ms a token, and a stage 1 that they slow to 27 ms. */
const STAGES = [
  { stage: 0, decodeBaseUs: 1000, decodePerSequenceUs: 400, prefillUsPerToken: 10 },
  { stage: 1, decodeBaseUs: 1000, decodePerSequenceUs: 405, prefillUsPerToken: 10 },
  { stage: 4, decodeBaseUs: 7000, decodePerSequenceUs: 2000, prefillUsPerToken: 20 },
];

describe('stage choice', () => {
  let running: Running;
  let open = () => {};
  afterEach(() => running.stop());

  /** A thinker that keeps every answer back until `open`, so that a burst is at once on any machine. */
  function gated(options: ConstructorParameters<typeof PacedThinker>[0] = {}): PacedThinker {
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    return new PacedThinker({ stages: STAGES, before: () => gate, ...options });
  }

  function ask(headers: Record<string, string> = {}, pieces = 12) {
    const body = chatOf('hello there', { max_tokens: pieces, stream: true });
    return running.post('/v1/chat/completions', body, { headers });
  }

  async function stageOf(answer: Promise<Response>): Promise<string> {
    const response = await answer;
    const text = `${response.headers.get('x-zen-stage')} ${response.headers.get('x-zen-stage-reason')}`;
    expect((await eventsOf(response)).pop()).toBe('[DONE]');
    return text;
  }

  function counted(stages: string[]): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const stage of stages) counts[stage] = (counts[stage] ?? 0) + 1;
    return counts;
  }

  test('a burst of 64 streams lowers it where that is cheaper, and it rises again after', async () => {
    const thinker = gated();
    running = await openGateway([thinker]);
    const asked = [...Array(64).keys()].map(() => stageOf(ask()));
    await until('all are there', () => thinker.active === 64);
    open();
    const burst = counted(await Promise.all(asked));
    // The first ones still fit; stage 0 saves nothing over stage 1 and is no rung.
    expect(Object.keys(burst).sort()).toEqual(['1 load', '4 full']);
    expect(burst['1 load']).toBeGreaterThan(10);
    await until('it rises', async () => (await stageOf(ask({}, 1))) === '4 full');
  });

  test('a thinker is told how long the first token has, in whole milliseconds', async () => {
    const thinker = new PacedThinker({ stages: STAGES });
    running = await openGateway([thinker], { ZEN_TTFT: '1500.5ms' });
    await stageOf(ask());
    await stageOf(ask({ 'x-zen-ttft-ms': '4000' }));
    expect(thinker.requests.map(({ ttftMs }) => ttftMs)).toEqual([1501, 4000]);
  });

  test('a floor holds in the burst, and full means full', async () => {
    const thinker = gated();
    running = await openGateway([thinker]);
    const asked = [...Array(96).keys()].map((i) => {
      return stageOf(
        ask(i % 3 === 0 ? { 'x-zen-min-stage': '4' } : i % 3 === 1 ? { 'x-zen-quality': 'full' } : {}),
      );
    });
    await until('all are there', () => thinker.active === 96);
    open();
    const stages = await Promise.all(asked);
    expect(stages.filter((stage, i) => i % 3 !== 2 && !stage.startsWith('4 '))).toEqual([]);
    expect(stages).toContain('4 floor');
    expect(stages).toContain('1 load');
  });

  test('the manifest’s floor holds; only a pin goes below it', async () => {
    const thinker = new PacedThinker({ stages: STAGES, minServableStage: 4 });
    running = await openGateway([thinker]);
    const stages = await Promise.all([...Array(32).keys()].map(() => stageOf(ask())));
    expect(counted(stages)).toEqual({ '4 full': 32 });
    expect(await stageOf(ask({ 'x-zen-stage': '0' }))).toBe('0 pinned');
  });

  test('an objective in the headers has a level of its own', async () => {
    running = await openGateway([new PacedThinker({ stages: STAGES })]);
    expect(await stageOf(ask({ 'x-zen-tpot-ms': '5' }))).toBe('1 load');
    expect(await stageOf(ask())).toBe('4 full');
  });

  test('what is not attached yet is not promised', async () => {
    running = await openGateway([new PacedThinker({ stages: STAGES, attachedTo: 1 })]);
    expect(await stageOf(ask())).toBe('1 attached');
    const refused = await ask({ 'x-zen-quality': 'full' });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ error: { code: 'stage_not_attached' } });
  });

  test('an answer at the highest stage is free to rise, unless it says never or its stage was chosen', async () => {
    const thinker = new PacedThinker({ stages: STAGES, attachedTo: 1 });
    running = await openGateway([thinker]);
    const sent = async (headers: Record<string, string> = {}) => {
      await (await ask(headers)).text();
      const { stage, minStage, upgrade } = thinker.requests.at(-1) ?? {};
      return { stage, minStage, upgrade };
    };
    const { UPGRADE_BOUNDARY, UPGRADE_NEVER } = Upgrade;
    expect(await sent()).toEqual({ stage: undefined, minStage: 0, upgrade: UPGRADE_BOUNDARY });
    expect(await sent({ 'x-zen-upgrade': 'never', 'x-zen-min-stage': '1' })).toEqual({
      stage: undefined,
      minStage: 1,
      upgrade: UPGRADE_NEVER,
    });
    expect(await sent({ 'x-zen-stage': '1' })).toMatchObject({ stage: 1 });
    thinker.climb(4);
    await until('the gateway knows', async () => (await sent({ 'x-zen-tpot-ms': '5' })).stage === 1);
  });

  test('refusal comes only after the fall, with Retry-After', async () => {
    const thinker = gated({ maxRunning: 2 });
    running = await openGateway([thinker], { ZEN_MAX_QUEUE: '500ms' });
    let answered = 0;
    const asked = [...Array(64).keys()].map(async () => {
      const response = await ask();
      answered++;
      await response.text();
      return response;
    });
    await until('each is refused or there', () => answered + thinker.active === 64);
    open();
    const all = await Promise.all(asked);
    const refused = all.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const served = all.filter(({ status }) => status === 200);
    expect(served.length + refused.length).toBe(64);
    // Whoever was let in before the first refusal has seen the stage fall.
    expect(served.some(({ headers }) => headers.get('x-zen-stage') === '1')).toBe(true);
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toMatch(/zen_gateway_answers_total\{model="paced",stage="1",reason="load"\} \d+/);
    expect(metrics).toMatch(/zen_gateway_refusals_total\{failure="overloaded"\} \d+/);
  });
});
