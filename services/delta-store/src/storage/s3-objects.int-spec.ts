import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type S3Server, s3Missing, startS3Server } from '@zen/testing';
import { objectStoreConformance } from './object-store-conformance.fixture';
import { S3Objects } from './s3-objects';

jest.setTimeout(180_000);

const reason = s3Missing();
if (reason) console.warn(`skipped: ${reason}`);
const FAST = { attempts: 6, baseDelayMs: 20, maxDelayMs: 1000, idleMs: 60_000 };

(reason ? describe.skip : describe)('S3', () => {
  let server: S3Server;
  const place = { kind: 's3', bucket: 'models', prefix: 'some/where', digest: null } as const;
  const open = () => new S3Objects(place, server.settings, FAST);
  beforeAll(async () => {
    server = await startS3Server({ oneAtATime: true });
  });
  afterAll(() => server.stop());

  objectStoreConformance('a bucket', async () => ({ first: open(), second: open() }));

  test('a server that keeps the condition passes the check', async () => {
    await open().check();
    expect(await open().list('probe/', { limit: 1 })).toEqual([]);
  });

  test('a prefix sees nothing of its neighbours', async () => {
    await new S3Objects({ ...place, prefix: 'some/where-else' }, server.settings, FAST).create(
      'x',
      Buffer.from('x'),
    );
    expect(await open().read('x')).toBeNull();
    expect(await open().list('', { limit: 1000 })).not.toContain('x');
  });

  /** A proxy in front of it that loses an answer, or says that a write went well that did not. */
  async function between(
    spoil: (method: string, headers: Record<string, string>) => 'ignore' | 'lose' | 'pass',
  ) {
    const proxy: Server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(([name]) => !['host', 'connection'].includes(name)),
      ) as Record<string, string>;
      const what = spoil(request.method!, headers);
      const body = Buffer.concat(chunks);
      const answer = await fetch(`${server.settings.endpoint}${request.url}`, {
        method: request.method!,
        headers,
        ...(body.length > 0 ? { body } : {}),
      });
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (what === 'lose') request.socket.destroy();
      else if (what === 'ignore' && answer.status === 412) response.writeHead(200).end();
      else response.writeHead(answer.status).end(bytes);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const settings = { ...server.settings, endpoint: `http://127.0.0.1:${port}` };
    return { objects: new S3Objects(place, settings, FAST), close: () => proxy.close() };
  }

  test('a write whose answer was lost is told its own work; one that came second is not', async () => {
    let lose = true;
    const proxy = await between((method) => {
      if (method !== 'PUT' || !lose) return 'pass';
      lose = false;
      return 'lose';
    });
    expect(await proxy.objects.create('lost/mine', Buffer.from('mine'))).toBe(true);
    expect(String(await open().read('lost/mine'))).toBe('mine');
    await open().create('lost/other', Buffer.from('first'));
    lose = true;
    expect(await proxy.objects.create('lost/other', Buffer.from('second'))).toBe(false);
    proxy.close();
  });

  test('a server that ignores the condition is refused at the start', async () => {
    const proxy = await between(() => 'ignore');
    await expect(proxy.objects.check()).rejects.toThrow('does not keep the condition If-None-Match');
    proxy.close();
  });
});
