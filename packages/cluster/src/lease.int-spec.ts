import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiServer } from './api-server';
import { holdLease } from './lease';

jest.setTimeout(60_000);

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`did not come about: ${what}`);
}

/** One Lease over real HTTP, with the check of its resource version that makes it one. */
class LeaseServer {
  lease: { metadata: { resourceVersion: string }; spec: Record<string, unknown> } | undefined;
  /** Answers in its place; returns whether it did. */
  fault: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  writes = 0;
  private readonly server = createServer((request, response) => this.answer(request, response));

  async start(): Promise<ApiServer> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const { port } = this.server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    return { url, token: () => undefined, authority: () => undefined, namespace: 'zen' };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      if (this.fault(request, response)) return;
      const end = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
      if (request.method === 'GET') return this.lease ? end(200, this.lease) : end(404, {});
      const sent = JSON.parse(text);
      const stale = sent.metadata.resourceVersion !== this.lease?.metadata.resourceVersion;
      if (stale) return end(409, { message: 'it has changed' });
      this.writes++;
      const resourceVersion = String(this.writes);
      this.lease = { ...sent, metadata: { ...sent.metadata, resourceVersion } };
      return end(200, this.lease);
    });
  }
}

describe('a lease', () => {
  const server = new LeaseServer();
  let about: ApiServer;
  let stops: AbortController[];
  let runs: Promise<void>[];
  /** Who leads now; never more than one. */
  let leading: string[];
  let most: number;

  beforeAll(async () => {
    about = await server.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    server.lease = undefined;
    server.fault = () => false;
    stops = [];
    runs = [];
    leading = [];
    most = 0;
  });
  afterEach(async () => {
    for (const stop of stops) stop.abort();
    await Promise.all(runs);
  });

  function enter(identity: string, now = () => performance.now(), api = about): AbortController {
    const stop = new AbortController();
    stops.push(stop);
    const run = holdLease(
      api,
      { namespace: '', name: 'one' },
      {
        identity,
        durationS: 1,
        renewMs: 100,
        now,
        random: () => 0.5,
        onTrouble: () => undefined,
        lead: async (lost) => {
          leading.push(identity);
          most = Math.max(most, leading.length);
          await new Promise((resolve) => lost.addEventListener('abort', resolve, { once: true }));
          leading.splice(leading.indexOf(identity), 1);
        },
      },
      stop.signal,
    );
    runs.push(run);
    return stop;
  }

  test('is held by one, who gives it back when it goes', async () => {
    const first = enter('a');
    await until('a leads', () => leading[0] === 'a');
    enter('b');
    const { writes } = server;
    await until('it is renewed', () => server.writes > writes + 3);
    expect(leading).toEqual(['a']);
    first.abort();
    await until('b leads', () => leading[0] === 'b');
    expect([most, server.lease?.spec.holderIdentity, server.lease?.spec.leaseTransitions]).toEqual([
      1,
      'b',
      1,
    ]);
  });

  test('of a holder that is dead is taken, by our own clock, however its times read', async () => {
    const renewTime = '2099-01-01T00:00:00.000000Z';
    server.lease = {
      metadata: { resourceVersion: '7' },
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 1, renewTime },
    };
    enter('a');
    await until('a leads', () => leading[0] === 'a');
    expect(server.lease.spec.renewTime).not.toBe(renewTime);
  });

  test('of a holder that renews is left to it, even where its clock stands still', async () => {
    const renewTime = '2001-01-01T00:00:00.000000Z';
    let version = 0;
    const renew = () => {
      server.lease = {
        metadata: { resourceVersion: `x${++version}` },
        spec: { holderIdentity: 'slow', leaseDurationSeconds: 1, renewTime },
      };
    };
    renew();
    let asked = 0;
    server.fault = () => {
      asked++;
      renew();
      return false;
    };
    enter('a');
    await until('it was looked at often', () => asked > 20);
    expect(leading).toEqual([]);
  });

  test('is given up when it cannot be renewed, before another may take it', async () => {
    enter('a');
    await until('a leads', () => leading[0] === 'a');
    server.fault = (request, response) => {
      if (request.method === 'GET') return false;
      response.destroy();
      return true;
    };
    await until('a leads no more', () => leading.length === 0);
    server.fault = () => false;
    await until('a leads again', () => leading[0] === 'a');
    expect(most).toBe(1);
  });

  test('survives an answer that was lost', async () => {
    enter('a');
    await until('a leads', () => leading[0] === 'a');
    let lost = 0;
    server.fault = (request, response) => {
      if (request.method !== 'PUT' || lost > 0 || !server.lease) return false;
      lost++;
      // It came through.
      server.lease = { ...server.lease, metadata: { resourceVersion: 'other' } };
      response.destroy();
      return true;
    };
    await until('an answer is lost', () => lost === 1);
    const { writes } = server;
    await until('it is renewed again', () => server.writes > writes + 2);
    expect([leading, most]).toEqual([['a'], 1]);
  });
});
