import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';
import { RealtimeClient } from './realtime-client.fixture';

jest.setTimeout(120_000);

/** A stage 4 that 30 sequences slow to 247 ms a token, and a stage 1 that they slow to 50 ms. */
const STAGES = [
  { stage: 1, decodeBaseUs: 1000, decodePerSequenceUs: 1620, prefillUsPerToken: 10 },
  { stage: 4, decodeBaseUs: 7000, decodePerSequenceUs: 8000, prefillUsPerToken: 20 },
];
const TEXT = { type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } };
const SESSIONS = 30;

describe('the floor of a Realtime session', () => {
  let running: Running;
  afterEach(() => running.stop());

  const floorOf = async (client: RealtimeClient) =>
    (await client.next('session.created')).session['x-zen'].min_stage;
  const answered = async (client: RealtimeClient) => {
    const { response } = await client.next('response.done');
    const { stage, stage_reason: reason } = response['x-zen'];
    client.close();
    return `${stage} ${reason}`;
  };

  it('holds under load, whether the header or the session names it; the others fall', async () => {
    let open = () => {};
    // Every answer is kept back until all are there, so that the load is the same on any machine.
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const thinker = new PacedThinker({ stages: STAGES, before: () => gate });
    running = await openGateway([thinker]);
    const answers = [...Array(SESSIONS).keys()].map(async (i) => {
      const headers: Record<string, string> = i % 3 === 0 ? { 'x-zen-min-stage': '4' } : {};
      const client = await RealtimeClient.open(running.url, 'model=paced', { headers });
      client.send(TEXT);
      // A page can set no header.
      if (i % 3 === 1) client.send({ ...TEXT, session: { ...TEXT.session, 'x-zen': { min_stage: 4 } } });
      client.say('Hello there');
      client.send({ type: 'response.create', response: { max_output_tokens: 6 } });
      return answered(client);
    });
    await until('all are there', () => thinker.active === SESSIONS);
    open();
    const stages = await Promise.all(answers);
    expect(stages.filter((stage, i) => i % 3 !== 2 && !stage.startsWith('4 '))).toEqual([]);
    expect(stages).toContain('4 floor');
    expect(stages).toContain('1 load');
  });

  it('is the operator’s where the client names none, is told, and may be changed', async () => {
    const thinker = new PacedThinker({ stages: STAGES });
    running = await openGateway([thinker], { ZEN_REALTIME_MIN_STAGE: '2' });
    const plain = await RealtimeClient.open(running.url, 'model=paced');
    expect(await floorOf(plain)).toBe(2);
    for (const floor of [5, -1, 1.5, 'high']) {
      plain.send({ type: 'session.update', session: { type: 'realtime', 'x-zen': { min_stage: floor } } });
      const { error } = await plain.next('error');
      expect(error).toMatchObject({ code: 'invalid_value', param: 'session.x-zen.min_stage' });
    }
    plain.send({ type: 'session.update', session: { type: 'realtime', 'x-zen': { min_stage: 3 } } });
    expect((await plain.next('session.updated')).session['x-zen']).toEqual({ min_stage: 3 });
    plain.send({ type: 'session.update', session: { type: 'realtime', 'x-zen': { min_stage: 0 } } });
    expect((await plain.next('session.updated')).session['x-zen']).toBeUndefined();
    plain.close();
    const beta = { 'openai-beta': 'realtime=v1', 'x-zen-min-stage': '1' };
    const older = await RealtimeClient.open(running.url, 'model=paced', { headers: beta });
    expect(await floorOf(older)).toBe(1);
    older.send({ type: 'session.update', session: { 'x-zen': { min_stage: 4 } } });
    expect((await older.next('session.updated')).session['x-zen']).toEqual({ min_stage: 4 });
    older.close();
    // Who pins a stage is not refused for a floor that somebody else has set.
    const pinned = { headers: { 'x-zen-stage': '1' } };
    const pinning = await RealtimeClient.open(running.url, 'model=paced', pinned);
    expect(await floorOf(pinning)).toBe(1);
    pinning.send(TEXT);
    pinning.say('Hello there');
    pinning.send({ type: 'response.create', response: { max_output_tokens: 2 } });
    expect(await answered(pinning)).toBe('1 pinned');
  });
});
