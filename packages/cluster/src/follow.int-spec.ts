import { FaultyApiServer } from './api-server.fixture';
import type { ClusterError } from './cluster-error';
import { followEndpoints } from './endpoints';

jest.setTimeout(60_000);

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`did not come about: ${what}`);
}

describe('following endpoints', () => {
  const server = new FaultyApiServer();
  let stopping: AbortController;
  let running: Promise<void>;
  /** Every set that was told, oldest first. */
  let sets: string[][];
  let troubles: ClusterError[];

  beforeEach(async () => {
    server.fault = () => false;
    server.slices.clear();
    for (const list of [server.lists, server.watches, server.tokens]) list.length = 0;
    stopping = new AbortController();
    sets = [];
    troubles = [];
    await server.start();
  });
  afterEach(async () => {
    stopping.abort();
    await running;
    await server.stop();
  });

  const begin = () => {
    running = followEndpoints(
      server.about,
      { namespace: '', service: 'thinker', port: 'grpc' },
      {
        onChange: (set) => sets.push(set.map(({ address }) => address).sort()),
        onTrouble: (error) => troubles.push(error),
      },
      { random: () => 0.5, firstBackoffMs: 10, maxBackoffMs: 50 },
      stopping.signal,
    );
  };
  const now = () => sets.at(-1)?.join(' ');
  const watched = () => until('it watches', () => server.watching === 1);
  const shows = (...hosts: number[]) => {
    const expected = hosts.map((host) => `10.0.0.${host}:1`).join(' ');
    return until(`it shows ${hosts}`, () => now() === expected);
  };

  test('lists page by page, then follows what is added, changed and deleted', async () => {
    for (const n of [1, 2, 3, 4, 5]) server.put(`s${n}`, `10.0.0.${n}`);
    begin();
    await watched();
    expect(now()).toBe('10.0.0.1:1 10.0.0.2:1 10.0.0.3:1 10.0.0.4:1 10.0.0.5:1');
    expect(server.lists).toHaveLength(3);
    expect(server.lists[0]?.pathname).toBe('/apis/discovery.k8s.io/v1/namespaces/zen/endpointslices');
    expect(server.lists[0]?.searchParams.get('labelSelector')).toBe('kubernetes.io/service-name=thinker');
    server.put('s6', '10.0.0.6');
    await shows(1, 2, 3, 4, 5, 6);
    server.put('s1', '10.0.0.9');
    await shows(2, 3, 4, 5, 6, 9);
    for (const n of [2, 3, 4, 5, 6]) server.remove(`s${n}`);
    await shows(9);
    expect(troubles).toEqual([]);
  });

  test('a watch that ends or breaks goes on where it was, bookmarks included', async () => {
    server.put('a', '10.0.0.1');
    begin();
    await watched();
    server.version += 50;
    const bookmark = String(server.version);
    server.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: bookmark } } });
    server.endWatches();
    await until('a second watch', () => server.watches.length === 2);
    expect(server.watches[1]?.searchParams.get('resourceVersion')).toBe(bookmark);
    await watched();
    server.cut();
    await until('a third watch', () => server.watches.length === 3);
    expect(server.lists).toHaveLength(1);
    await watched();
    server.put('b', '10.0.0.2');
    await shows(1, 2);
  });

  test('who was open stays open while its pod is said to be unready, and goes when it terminates', async () => {
    server.put('a', '10.0.0.1');
    begin();
    await shows(1);
    const said = (conditions: object) => {
      const slice = server.slice('a', ['10.0.0.1']);
      server.send({
        type: 'MODIFIED',
        object: { ...slice, endpoints: [{ addresses: ['10.0.0.1'], conditions }] },
      });
    };
    await watched();
    said({ ready: false, serving: false });
    server.put('b', '10.0.0.2');
    await shows(1, 2);
    said({ ready: false, serving: true, terminating: true });
    await shows(2);
  });

  test.each([
    ['as a status', false],
    ['as an event', true],
  ])('410 %s lists anew', async (_, asEvent) => {
    server.put('a', '10.0.0.1');
    begin();
    await watched();
    // Changed while nobody was told, as compaction hides it.
    server.slices.set('a', server.slice('a', ['10.0.0.2']));
    if (asEvent) server.send({ type: 'ERROR', object: { code: 410, message: 'too old' } });
    else {
      server.fault = (url, response) => {
        if (!url.searchParams.has('watch') || server.lists.length > 1) return false;
        response.writeHead(410).end('{"message": "too old resource version"}');
        return true;
      };
      server.endWatches();
    }
    await shows(2);
    expect(troubles).toEqual([]);
  });

  test('what comes twice or late changes nothing', async () => {
    server.put('a', '10.0.0.1');
    server.put('b', '10.0.0.7');
    begin();
    await watched();
    const old = server.slice('a', ['10.0.0.1']);
    server.put('a', '10.0.0.2');
    server.remove('b');
    await shows(2);
    const told = sets.length;
    server.send({ type: 'MODIFIED', object: old });
    server.send({ type: 'MODIFIED', object: server.slices.get('a') });
    server.send({
      type: 'ADDED',
      object: server.slice('b', ['10.0.0.7'], Number(old.metadata?.resourceVersion)),
    });
    server.put('c', '10.0.0.3');
    await shows(2, 3);
    expect(sets).toHaveLength(told + 1);
  });

  test('the last set stands while the server is gone, and is brought up to date after', async () => {
    server.put('a', '10.0.0.1');
    begin();
    await watched();
    const told = sets.length;
    await server.stop();
    await until('many attempts', () => troubles.length >= 10);
    expect(sets).toHaveLength(told);
    await server.start();
    await watched();
    server.put('b', '10.0.0.2');
    await shows(1, 2);
  });

  test('refusals are told with their reason, and 429 waits as long as it says', async () => {
    let refusals = 0;
    server.fault = (_, response) => {
      if (refusals >= 2) return false;
      const headers = refusals++ === 0 ? {} : { 'retry-after': '1' };
      response
        .writeHead(refusals === 1 ? 403 : 429, headers)
        .end('{"kind":"Status","message":"no \\"list\\" for you"}');
      return true;
    };
    server.put('a', '10.0.0.1');
    begin();
    await shows(1);
    expect(troubles.map(({ status, retryAfterMs }) => [status, retryAfterMs])).toEqual([
      [403, null],
      [429, 1000],
    ]);
    expect(troubles[0]?.message).toContain('no');
  });

  test('a broken line is trouble, and following goes on', async () => {
    server.put('a', '10.0.0.1');
    begin();
    await watched();
    server.raw('{"type": "ADDED", "obj\n');
    await until('trouble', () => troubles.length === 1);
    await watched();
    server.put('b', '10.0.0.2');
    await shows(1, 2);
  });

  test('a renewed token is used at the next request', async () => {
    begin();
    await watched();
    server.token = 'second';
    server.endWatches();
    await until('a second watch', () => server.watches.length === 2);
    expect(server.tokens[0]).toBe('Bearer first');
    expect(server.tokens.at(-1)).toBe('Bearer second');
  });
});
