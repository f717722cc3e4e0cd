import type { GenerateRequest } from '@zen/contracts';
import { eventsOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(60_000);

const STAGES = [{ stage: 0, decodeBaseUs: 2000, decodePerSequenceUs: 2000, prefillUsPerToken: 300 }];
const SYSTEM = [0, 1, 2].map((n) => `${n} is the rule of this house. `.repeat(40));

/** Knows the system prompts that it has answered with. */
function caching(options = {}): PacedThinker {
  const seen = new Set<string>();
  const cachedShare = ({ prompt }: GenerateRequest) => {
    const system = prompt?.$case === 'chat' ? (prompt.value.messages[0]?.content ?? '') : '';
    const known = seen.has(system);
    seen.add(system);
    return known ? 0.95 : 0;
  };
  return new PacedThinker({ stages: STAGES, cachedShare, ...options });
}

describe('where requests go', () => {
  let running: Running;
  let asked = 0;
  afterEach(() => running.stop());

  const ask = async (system: string, pieces = 2) => {
    const messages = [
      { role: 'system', content: system },
      { role: 'user', content: `question ${asked++}` },
    ];
    const body = { model: 'paced', messages, max_tokens: pieces, stream: true };
    const response = await running.post('/v1/chat/completions', body);
    expect((await eventsOf(response)).pop()).toBe('[DONE]');
    return response.headers.get('x-zen-route');
  };
  const counts = (thinkers: PacedThinker[]) => thinkers.map(({ requests }) => requests.length);

  test('a request follows its prefix, and says so', async () => {
    const thinkers = [caching(), caching(), caching()];
    running = await openGateway(thinkers);
    const routes: (string | null)[] = [];
    for (let turn = 0; turn < 8; turn++) {
      for (const system of SYSTEM) routes.push(await ask(system));
    }
    expect(routes.slice(0, 3)).toEqual(['load', 'load', 'load']);
    expect(new Set(routes.slice(3))).toEqual(new Set(['prefix']));
    // Each of the prompts has one home, wherever that is.
    expect(counts(thinkers).every((count) => count % 8 === 0)).toBe(true);
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toContain('zen_gateway_routes_total{model="paced",route="prefix"} 21');
    expect(metrics).toMatch(/zen_gateway_tokens_total\{model="paced",kind="cached"\} [1-9]/);
  });

  test('a saturated replica keeps nobody', async () => {
    const thinkers = [caching(), caching(), caching()];
    running = await openGateway(thinkers);
    await ask(SYSTEM[0] as string);
    const routes = await Promise.all([...Array(30)].map(() => ask(SYSTEM[0] as string, 30)));
    expect(new Set(routes)).toEqual(new Set(['prefix', 'saturated']));
    expect(Math.min(...counts(thinkers))).toBeGreaterThan(0);
  });

  test('a thinker that restarts is not believed to know anything', async () => {
    const [first, second] = [caching(), caching()];
    running = await openGateway([first, second]);
    await ask(SYSTEM[0] as string);
    const home = first.requests.length > 0 ? first : second;
    const port = Number(home.address.split(':')[1]);
    await home.stop();
    await until('it is missed', async () => (await readyz(running.url)).up === 1);
    await home.start(port);
    await until('it is back', async () => (await readyz(running.url)).up === 2);
    expect(await ask(SYSTEM[0] as string)).toBe('load');
  });

  test('a new replica gets its share at once, and not everything', async () => {
    const late = caching();
    const address = await late.start();
    await late.stop();
    const thinkers = [caching(), caching()];
    const addresses = await Promise.all(thinkers.map((thinker) => thinker.start()));
    running = await openGateway([], { ZEN_THINKERS: [...addresses, address].join(',') });
    await until('two are connected', async () => (await readyz(running.url)).up === 2);
    await Promise.all([...Array(20).keys()].map((n) => ask(`other ${n} `.repeat(60), 20)));
    await late.start(Number(address.split(':')[1]));
    await until('the third is connected', async () => (await readyz(running.url)).up === 3);
    const before = counts(thinkers);
    await Promise.all([...Array(60).keys()].map((n) => ask(`new ${n} `.repeat(60), 20)));
    const after = counts(thinkers).map((count, at) => count - (before[at] ?? 0));
    expect(late.requests.length).toBeGreaterThanOrEqual(10);
    // A herd would have sent it all 60.
    expect(Math.min(...after)).toBeGreaterThanOrEqual(10);
    await Promise.all([...thinkers, late].map((thinker) => thinker.stop()));
  });
});

async function readyz(url: string): Promise<{ up: number }> {
  return ((await (await fetch(`${url}/readyz`)).json()) as { replicas: { up: number } }).replicas;
}
