import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Passes connections on to another address and cuts them after so many bytes from the client. */
export interface CuttingProxy {
  /** host:port. */
  host: string;
  /** Bytes from clients so far. */
  received: number;
  /** Counts of `received` at which all connections are cut, in order; each is used once. */
  cutAt: number[];
  cuts: number;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const [host, port] = target.split(':') as [string, string];
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy()).on('close', () => open.delete(from) && to.destroy());
    }
    client.on('data', (data) => {
      proxy.received += data.length;
      if (proxy.cutAt[0] !== undefined && proxy.received >= proxy.cutAt[0]) {
        proxy.cutAt.shift();
        proxy.cuts += 1;
        for (const socket of open) socket.destroy();
      }
    });
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: CuttingProxy = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: 0,
    cutAt: [],
    cuts: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
  return proxy;
}
