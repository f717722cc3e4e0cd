import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface ProbeOptions {
  /** `host:port`; port 0 takes a free one. */
  listen: string;
  registry: Registry;
  ready(): boolean;
}

/** `/metrics`, `/healthz` (the process lives) and `/readyz` (it can serve) for a service that speaks gRPC only. */
export async function startProbes({
  listen,
  registry,
  ready,
}: ProbeOptions): Promise<{ address: string; stop(): void }> {
  const server: Server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/metrics') {
      response.setHeader('content-type', registry.contentType).end(await registry.metrics());
    } else if (path === '/healthz') {
      response.end('ok\n');
    } else if (path === '/readyz') {
      const ok = ready();
      response.writeHead(ok ? 200 : 503).end(ok ? 'ready\n' : 'not ready\n');
    } else {
      response.writeHead(404).end('not found\n');
    }
  });
  const at = listen.lastIndexOf(':');
  const host = listen.slice(0, at).replace(/^\[|\]$/g, '');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(listen.slice(at + 1)), host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { address: `${listen.slice(0, at)}:${port}`, stop: () => server.close() };
}
