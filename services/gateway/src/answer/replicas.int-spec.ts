import { RpcError } from '@zen/rpc';
import { chatOf, eventsOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(60_000);

const STAGES = [{ stage: 0, decodeBaseUs: 2000, decodePerSequenceUs: 2000, prefillUsPerToken: 10 }];

describe('several thinkers', () => {
  let running: Running;
  afterEach(() => running.stop());

  const ask = (pieces = 4) =>
    running.post('/v1/chat/completions', chatOf('hello', { max_tokens: pieces, stream: true }));

  test('load is spread', async () => {
    const thinkers = [new PacedThinker({ stages: STAGES }), new PacedThinker({ stages: STAGES })];
    running = await openGateway(thinkers);
    await Promise.all([...Array(40).keys()].map(async () => eventsOf(await ask())));
    for (const { requests } of thinkers) expect(requests.length).toBeGreaterThanOrEqual(15);
  });

  test('one that fails before the first token is replaced by another', async () => {
    let failures = 0;
    const bad = new PacedThinker({
      stages: STAGES,
      before: () => {
        failures++;
        throw new RpcError('INTERNAL', 'broken');
      },
    });
    const good = new PacedThinker({ stages: STAGES });
    running = await openGateway([bad, good]);
    const ends = await Promise.all(
      [...Array(30).keys()].map(async () => (await eventsOf(await ask())).pop()),
    );
    expect(ends.every((end) => end === '[DONE]')).toBe(true);
    expect(good.requests).toHaveLength(30);
    expect(failures).toBeGreaterThan(0);
    // Its circuit is open now: nothing more goes there at once.
    const before = failures;
    await Promise.all([...Array(10).keys()].map(async () => eventsOf(await ask())));
    expect(failures - before).toBeLessThanOrEqual(1);
  });

  test('one without room is passed over', async () => {
    const full = new PacedThinker({ stages: STAGES, maxRunning: 1, maxWaiting: 0 });
    const roomy = new PacedThinker({ stages: STAGES });
    running = await openGateway([full, roomy]);
    const statuses = await Promise.all([...Array(20).keys()].map(async () => (await ask()).status));
    expect(statuses.every((status) => status === 200)).toBe(true);
  });

  test('one that is killed: what has begun there goes on at the other, where it stopped', async () => {
    const thinkers = [new PacedThinker({ stages: STAGES }), new PacedThinker({ stages: STAGES })];
    const [doomed, other] = thinkers as [PacedThinker, PacedThinker];
    running = await openGateway(thinkers);
    const responses = await Promise.all([...Array(10).keys()].map(() => ask(200)));
    await until('both are at work', () => doomed.active > 0 && other.active > 0);
    const began = doomed.active;
    await doomed.stop();
    const whole = [...Array(200).keys()].map((i) => `w${i} `).join('');
    for (const response of responses) {
      const events = await eventsOf(response);
      expect(events.pop()).toBe('[DONE]');
      expect(events.map((event) => JSON.parse(event).choices[0].delta.content ?? '').join('')).toBe(whole);
    }
    expect(other.requests.filter(({ resumeTokenIds }) => resumeTokenIds.length > 0)).toHaveLength(began);
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toContain(`zen_gateway_migrations_total{type="lost"} ${began}`);
    const ready = await (await fetch(`${running.url}/readyz`)).json();
    expect(ready).toEqual({ status: 'ready', replicas: { up: 1, down: 1 } });
  });

  test('one that comes back is used again', async () => {
    const thinker = new PacedThinker({ stages: STAGES });
    running = await openGateway([thinker]);
    await thinker.stop();
    await until('it is missed', async () => (await fetch(`${running.url}/readyz`)).status === 503);
    const refused = await ask();
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'unavailable' } });
    await thinker.start(Number(thinker.address.split(':')[1]));
    await until('it is back', async () => (await fetch(`${running.url}/readyz`)).status === 200);
    expect((await eventsOf(await ask())).pop()).toBe('[DONE]');
  });
});
