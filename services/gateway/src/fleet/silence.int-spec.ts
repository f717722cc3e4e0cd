import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { chatOf, openGateway, PacedThinker, until } from '../gateway.fixture';

jest.setTimeout(60_000);

/** A way to a thinker that can go quiet as a lost node does: nothing passes, and nothing says so. */
async function quietableWay(target: string) {
  const sockets = new Set<Socket>();
  let quiet = false;
  const server = createServer((near) => {
    const [host, port] = target.split(':');
    const far = connect(Number(port), host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => quiet || to.write(data));
      from.on('error', () => undefined).on('close', () => quiet || to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    setQuiet: (value: boolean) => {
      quiet = value;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('a thinker that falls silent is found out, and found again', async () => {
  const thinker = new PacedThinker({ pieceMs: 20 });
  const way = await quietableWay(await thinker.start(0));
  await thinker.stop();
  const port = Number(thinker.address.split(':')[1]);
  const start = thinker.start.bind(thinker);
  thinker.start = () => start(port);
  const running = await openGateway([thinker], { ZEN_THINKERS: way.address, ZEN_RESUME: 'off' });
  const up = async () => {
    const body = (await (await fetch(`${running.url}/readyz`)).json()) as { replicas: { up: number } };
    return body.replicas.up;
  };
  const response = await running.post(
    '/v1/chat/completions',
    chatOf('hello', { max_tokens: 1000, stream: true }),
  );
  const reader = response.body?.getReader();
  await reader?.read();
  way.setQuiet(true);
  const rest = (async () => {
    let text = '';
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done) return text;
      text += Buffer.from(value as Uint8Array).toString();
    }
  })();
  // Its reader is told, long before the time that an answer may take is over.
  expect(await rest).toContain('"code":"unavailable"');
  await until('it counts as down', async () => (await up()) === 0);
  way.setQuiet(false);
  await until('it is back', async () => (await up()) === 1);
  await running.stop();
  way.close();
});
