import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

const STAGES = [0, 1, 2, 3, 4].map((stage) => {
  return { stage, decodeBaseUs: 200, decodePerSequenceUs: 0, prefillUsPerToken: 0 };
});

interface Report {
  models: { id: string; stages: { stage: number; attached: boolean }[]; replicas: unknown[] }[];
}

describe('/v1/zen/progress', () => {
  const thinker = new PacedThinker({ stages: STAGES, attachedTo: 1 });
  let running: Running;
  beforeAll(async () => {
    running = await openGateway([thinker]);
  });
  afterAll(() => running.stop());

  const watch = (signal: AbortSignal) =>
    fetch(`${running.url}/v1/zen/progress`, { headers: { accept: 'text/event-stream' }, signal });

  async function* reports(response: Response): AsyncGenerator<Report> {
    let rest = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      const frames = (rest + Buffer.from(chunk).toString()).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) yield JSON.parse(frame.replace(/^data: /, ''));
    }
  }

  test('as JSON: every stage of every model, and each replica without its address', async () => {
    const text = await (await fetch(`${running.url}/v1/zen/progress`)).text();
    const { models } = JSON.parse(text) as Report;
    expect(models).toMatchObject([{ id: 'paced', replica_count: 1 }]);
    expect(models[0]?.stages.map(({ attached }) => attached)).toEqual([true, true, false, false, false]);
    expect(models[0]?.replicas).toHaveLength(1);
    expect(text).not.toContain(thinker.address);
  });

  test('as events: the state now, then what changes', async () => {
    const leave = new AbortController();
    const response = await watch(leave.signal);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const tops: number[] = [];
    for await (const { models } of reports(response)) {
      tops.push(models[0]?.stages.filter(({ attached }) => attached).length ?? 0);
      if (tops.at(-1) === 3) break;
      thinker.climb(2);
    }
    expect(tops).toEqual([2, 3]);
    leave.abort();
  });

  test('at most 64 at once; one who leaves makes room', async () => {
    const leave = new AbortController();
    const first = new AbortController();
    await watch(first.signal);
    await Promise.all([...Array(63)].map(() => watch(leave.signal)));
    const refused = await watch(leave.signal);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    first.abort();
    await until('there is room', async () => (await watch(leave.signal)).status === 200);
    leave.abort();
  });

  test('a shutdown does not wait for a listener', async () => {
    const other = new PacedThinker();
    const gateway = await openGateway([other], { ZEN_GRACE: '1h' });
    const response = await fetch(`${gateway.url}/v1/zen/progress`, {
      headers: { accept: 'text/event-stream' },
    });
    const whole = response.text();
    await gateway.stop();
    expect(await whole).toContain('"paced"');
  });
});
