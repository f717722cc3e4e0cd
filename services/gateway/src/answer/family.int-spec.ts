import { GatewayServiceDefinition, type ListModelsResponse } from '@zen/contracts';
import { client } from '@zen/rpc';
import { eventsOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(120_000);

/** 64 streams slow `big` to 135 ms a token at its top and to 27 ms at stage 1, and `small` to 17 ms. */
const BIG = [
  { stage: 0, decodeBaseUs: 1000, decodePerSequenceUs: 400, prefillUsPerToken: 10 },
  { stage: 1, decodeBaseUs: 1000, decodePerSequenceUs: 405, prefillUsPerToken: 10 },
  { stage: 4, decodeBaseUs: 7000, decodePerSequenceUs: 2000, prefillUsPerToken: 20 },
];
const SMALL = [
  { stage: 3, decodeBaseUs: 1000, decodePerSequenceUs: 245, prefillUsPerToken: 5 },
  { stage: 4, decodeBaseUs: 1000, decodePerSequenceUs: 250, prefillUsPerToken: 5 },
];
/** small@4 is worth 0.75: more than big@1, 0.7. */
const FAMILIES = { ZEN_FAMILIES: 'fam=big,small@0.75' };

describe('a family', () => {
  let running: Running;
  let open = () => {};
  afterEach(() => running.stop());

  /** Both members, each keeping every answer back until `open`. */
  function members(
    options: ConstructorParameters<typeof PacedThinker>[0] = {},
  ): [PacedThinker, PacedThinker] {
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const before = () => gate;
    return [
      new PacedThinker({ model: 'big', stages: BIG, before, ...options }),
      new PacedThinker({ model: 'small', stages: SMALL, before, ...options }),
    ];
  }

  function ask(model: string, headers: Record<string, string> = {}, more: object = {}) {
    const messages = [{ role: 'user', content: 'hello there' }];
    const body = { model, messages, max_tokens: 12, stream: true, ...more };
    return running.post('/v1/chat/completions', body, { headers });
  }

  /** `MODEL STAGE REASON`, and the chunks must name the same model. */
  async function rungOf(answer: Promise<Response>): Promise<string> {
    const response = await answer;
    const header = (name: string) => response.headers.get(`x-zen-${name}`);
    const events = await eventsOf(response);
    expect(events.pop()).toBe('[DONE]');
    expect(new Set(events.map((event) => JSON.parse(event).model))).toEqual(new Set([header('model')]));
    return `${header('model')} ${header('stage')} ${header('stage-reason')}`;
  }

  /** How many answers each rung gave in a burst of 64. */
  async function burst(thinkers: PacedThinker[], model: string): Promise<Record<string, number>> {
    const asked = [...Array(64).keys()].map(() => rungOf(ask(model)));
    await until('all are there', () => thinkers.reduce((sum, { active }) => sum + active, 0) === 64);
    open();
    const counts: Record<string, number> = {};
    for (const rung of await Promise.all(asked)) counts[rung] = (counts[rung] ?? 0) + 1;
    return counts;
  }

  test('under load requests for it move to another member, and back again after', async () => {
    const thinkers = members();
    running = await openGateway(thinkers, FAMILIES);
    const counts = await burst(thinkers, 'fam');
    expect(Object.keys(counts).sort()).toEqual(['big 4 full', 'small 4 load']);
    expect(counts['small 4 load']).toBeGreaterThan(20);
    await until('it is back', async () => (await rungOf(ask('fam', {}, { max_tokens: 1 }))) === 'big 4 full');
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toMatch(/zen_gateway_rung_levels\{group="fam",model="big",stage="4"\} 1\n/);
    expect(metrics).toMatch(/zen_gateway_rung_levels\{group="fam",model="small",stage="4"\} 0\n/);
    expect(metrics).toMatch(/zen_gateway_rung_changes_total\{group="fam",why="pressure"\} [1-9]/);
    expect(metrics).toMatch(/zen_gateway_rung_changes_total\{group="fam",why="room"\} [1-9]/);
    expect(metrics).toMatch(/zen_gateway_answers_total\{model="small",stage="4",reason="load"\} \d+/);
  });

  test('requests that name a member move along its own stages only', async () => {
    const thinkers = members();
    running = await openGateway(thinkers, FAMILIES);
    expect(Object.keys(await burst(thinkers, 'big')).sort()).toEqual(['big 1 load', 'big 4 full']);
    expect(thinkers[1].requests).toHaveLength(0);
  });

  test('floors: full, a stage, and JSON stay where they are promised', async () => {
    // small writes JSON nearly as well as big from stage 4 on; big from stage 1 on.
    const thinkers = members();
    const json: Record<string, number> = {
      'big 0': 0.5,
      'big 1': 0.95,
      'big 4': 0.98,
      'small 3': 0.4,
      'small 4': 0.6,
    };
    for (const { options } of thinkers) options.jsonValid = (stage) => json[`${options.model} ${stage}`];
    running = await openGateway(thinkers, FAMILIES);
    open();
    const tight = { 'x-zen-tpot-ms': '3' };
    // 1.25 ms at small@4 and 1.4 at big@1, where big@4 takes 9.
    expect(await rungOf(ask('fam', tight))).toBe('small 4 load');
    expect(await rungOf(ask('fam', { ...tight, 'x-zen-quality': 'full' }))).toBe('big 4 floor');
    expect(await rungOf(ask('fam', { ...tight, 'x-zen-output': 'json' }))).toBe('big 4 floor');
    // Load asks for stage 1 here, or for stage 0 where the machine is busy enough to make that look cheaper.
    expect(await rungOf(ask('big', { ...tight, 'x-zen-output': 'json' }))).toMatch(/^big 1 (load|floor)$/);
    expect(await rungOf(ask('fam', { ...tight, 'x-zen-stage': '1' }))).toBe('big 1 pinned');
    const refused = await ask('fam', { 'x-zen-output': 'yaml' });
    expect(await refused.json()).toMatchObject({ error: { param: 'x-zen-output' } });
  });

  test('a less important class is not above a more important one', async () => {
    running = await openGateway(members(), { ...FAMILIES, ZEN_TPOT_INTERACTIVE: '3ms', ZEN_TPOT: '1s' });
    open();
    expect(await rungOf(ask('fam', {}, { priority: 'batch' }))).toBe('big 4 full');
    expect(await rungOf(ask('fam', {}, { priority: 'interactive' }))).toBe('small 4 load');
    await until('the batch gives way', async () => {
      await rungOf(ask('fam', {}, { priority: 'interactive' }));
      return (await rungOf(ask('fam', {}, { priority: 'batch' }))) === 'small 4 priority';
    });
  });

  test('is listed, names its members, and outlives the best one', async () => {
    const thinkers = members();
    running = await openGateway(thinkers, FAMILIES);
    open();
    const list = (await (await fetch(`${running.url}/v1/models`)).json()) as {
      data: { id: string; family: string }[];
    };
    expect(list.data.map(({ id, family }) => [id, family])).toEqual([
      ['big', 'fam'],
      ['small', 'fam'],
      ['fam', 'fam'],
    ]);
    expect(await (await fetch(`${running.url}/v1/models/fam`)).json()).toMatchObject({
      members: [
        { model: 'big', weight: 1, connected: true },
        { model: 'small', weight: 0.75, connected: true },
      ],
      rungs: [
        { model: 'big', stage: 0 },
        { model: 'small', stage: 3, worth: expect.closeTo(0.675) },
        { model: 'big', stage: 1 },
        { model: 'small', stage: 4, worth: 0.75 },
        { model: 'big', stage: 4 },
      ],
    });
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    const { models } = (await rpc.listModels({})) as ListModelsResponse;
    expect(models.map(({ id, family }) => [id, family])).toEqual([
      ['big', 'fam'],
      ['small', 'fam'],
    ]);
    const messages = [{ role: 'user', content: 'hello' }];
    const started = async () => {
      for await (const { event } of rpc.chat({ model: 'fam', messages, maxTokens: 1 })) {
        if (event?.$case === 'started') return event.value;
      }
      return undefined;
    };
    expect(await started()).toMatchObject({ model: 'big', stage: 4, stageReason: 'full' });
    await thinkers[0].stop();
    await until('it is missed', async () => (await rungOf(ask('fam'))) === 'small 4 attached');
    expect(await started()).toMatchObject({ model: 'small', stage: 4, stageReason: 'attached' });
    expect((await ask('fam', { 'x-zen-quality': 'full' })).status).toBe(503);
    rpc.close();
  });

  test('a member whose tokens mean something else is left out, and said so', async () => {
    const [big, small] = members();
    big.options.vocabSize = 1000;
    small.options.vocabSize = 999;
    running = await openGateway([big, small], FAMILIES);
    open();
    const tight = { 'x-zen-tpot-ms': '3' };
    expect(await rungOf(ask('fam', tight))).toBe('big 1 load');
    const debug = (await (await fetch(`${running.url}/debug/rungs`)).json()) as object;
    expect(debug).toMatchObject({ left_out_of_family: [small.address] });
    expect(await rungOf(ask('small'))).toBe('small 4 full');
  });

  test('/debug/rungs says for every class where it stands, what each rung would do, and what changed', async () => {
    const thinkers = members();
    running = await openGateway(thinkers, FAMILIES);
    await burst(thinkers, 'fam');
    const debug = (await (await fetch(`${running.url}/debug/rungs`)).json()) as {
      groups: { group: string }[];
    };
    expect(debug.groups.map(({ group }) => group)).toEqual(['big', 'small', 'fam']);
    expect(debug.groups[2]).toMatchObject({
      replicas: [
        { model: 'big', costs: [{}, {}, { stage: 4, decode_ms: 7, decode_ms_per_sequence: 2 }] },
        { model: 'small' },
      ],
      classes: [
        {
          priority: 2,
          ttft_ms: 1000,
          rungs: [
            { model: 'big', stage: 4, rung: true, worth: 1 },
            { model: 'small', stage: 4, worth: 0.75 },
            { model: 'big', stage: 1 },
            { model: 'small', stage: 3 },
            { model: 'big', stage: 0 },
          ],
        },
      ],
    });
    const [{ changes }] = (debug.groups[2] as unknown as { classes: [{ changes: object[] }] }).classes;
    expect(changes.at(-1)).toMatchObject({
      from: { model: 'big', stage: 4 },
      to: { model: 'small', stage: 4 },
      why: 'pressure',
      pressure_from: expect.any(Number),
    });
  });
});
