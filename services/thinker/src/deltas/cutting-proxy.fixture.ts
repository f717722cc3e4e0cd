import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Passes connections on and cuts them when so many bytes have come back from the other side. */
export class CuttingProxy {
  /** Bytes from the other side on all connections. */
  passed = 0;
  cuts = 0;
  private readonly open = new Set<Socket>();

  private constructor(
    readonly address: string,
    private readonly server: ReturnType<typeof createServer>,
    /** Counts of `passed` at which everything is cut, each once. */
    private readonly cutAt: number[],
  ) {}

  static async start(target: string, cutAt: number[]): Promise<CuttingProxy> {
    const at = target.lastIndexOf(':');
    const server = createServer((near) => {
      const far = connect(Number(target.slice(at + 1)), target.slice(0, at));
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        proxy.open.add(from);
        from.on('error', () => to.destroy()).on('close', () => proxy.open.delete(from) && to.destroy());
      }
      far.on('data', ({ length }) => proxy.count(length));
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const proxy = new CuttingProxy(`127.0.0.1:${port}`, server, [...cutAt]);
    return proxy;
  }

  private count(bytes: number): void {
    this.passed += bytes;
    const [next] = this.cutAt;
    if (next === undefined || this.passed < next) return;
    this.cutAt.shift();
    this.cut();
  }

  cut(): void {
    this.cuts++;
    for (const socket of this.open) socket.destroy();
  }

  stop(): void {
    this.server.close();
    for (const socket of this.open) socket.destroy();
  }
}
