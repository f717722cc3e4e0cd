import { openGateway, PacedThinker, until } from '../gateway.fixture';
import { RealtimeClient } from './realtime-client.fixture';

const TEXT = { type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } };

async function asked(client: RealtimeClient, maxTokens: number): Promise<void> {
  client.send(TEXT);
  client.say('Hi');
  client.send({ type: 'response.create', response: { max_output_tokens: maxTokens } });
}

it('a client that takes nothing holds its own answer back, and is closed by name in the end', async () => {
  const piece = 'x'.repeat(10_000);
  const thinker = new PacedThinker({ pieceMs: 0, piece: () => piece, contextTokens: 1_000_000 });
  const running = await openGateway([thinker], { ZEN_STALL_TIMEOUT: '1s' });
  const client = await RealtimeClient.open(running.url, 'model=paced');
  await client.next('session.created');
  client.socket.pause();
  await asked(client, 100_000);
  const metrics = async () => (await fetch(`${running.url}/metrics`)).text();
  await until('the session is closed for it', async () =>
    /realtime_closes_total\{reason="slow"\} 1/.test(await metrics()),
  );
  await until('nothing runs at the thinker', () => thinker.active === 0);
  // What is on its way between two sockets and in two buffers, and not an answer of a gigabyte.
  expect(thinker.pieces).toBeLessThan(5000);
  client.socket.resume();
  expect(await client.gone()).toEqual({ code: 1008, reason: 'slow_client' });
  await running.stop();
});

it('a connection that does not answer pings is given up', async () => {
  const running = await openGateway([new PacedThinker()], {
    ZEN_REALTIME_HEARTBEAT: '100ms',
    ZEN_REALTIME_RESUME: '0s',
  });
  const client = await RealtimeClient.open(running.url, 'model=paced', { autoPong: false });
  expect((await client.gone()).code).toBe(1006);
  await running.stop();
});

it('a gateway that goes lets a response end and hands its session over', async () => {
  const thinker = new PacedThinker({ pieceMs: 5, contextTokens: 1_000_000 });
  const running = await openGateway([thinker], { ZEN_GRACE: '20s' });
  const busy = await RealtimeClient.open(running.url, 'model=paced');
  const idle = await RealtimeClient.open(running.url, 'model=paced');
  await asked(busy, 50);
  await busy.next('response.output_text.delta');
  const stopped = running.stop();
  expect(await idle.next('x-zen.session.handover')).toMatchObject({ items: [], session: { model: 'paced' } });
  expect((await idle.gone()).code).toBe(1001);
  const { response } = await busy.next('response.done');
  expect(response.status).toBe('incomplete');
  const { items, session } = await busy.next('x-zen.session.handover');
  expect((await busy.gone()).code).toBe(1001);
  await stopped;
  // Elsewhere the session begins with what it was.
  const other = await openGateway([new PacedThinker({ contextTokens: 1_000_000 })]);
  const again = await RealtimeClient.open(other.url, 'model=paced');
  again.send({ type: 'session.update', session });
  for (const item of items) again.send({ type: 'conversation.item.create', item });
  again.send({ type: 'response.create', response: { max_output_tokens: 1 } });
  expect((await again.next('response.done')).response.output).toHaveLength(1);
  expect(again.types()).not.toContain('error');
  again.close();
  await other.stop();
});

it('a gateway without more time cuts a response short', async () => {
  const thinker = new PacedThinker({ pieceMs: 5, contextTokens: 1_000_000 });
  const running = await openGateway([thinker], { ZEN_GRACE: '100ms' });
  const client = await RealtimeClient.open(running.url, 'model=paced');
  await asked(client, 100_000);
  await client.next('response.output_text.delta');
  const stopped = running.stop();
  expect((await client.next('response.done')).response.status).toBe('cancelled');
  await client.next('x-zen.session.handover');
  expect((await client.gone()).code).toBe(1001);
  await stopped;
});

it('an answer gives its place at the replica back', async () => {
  const thinker = new PacedThinker({ pieceMs: 0, maxRunning: 1, maxWaiting: 0 });
  const running = await openGateway([thinker]);
  const client = await RealtimeClient.open(running.url, 'model=paced');
  for (let turn = 0; turn < 4; turn++) {
    await asked(client, 2);
    const { response } = await client.next('response.done');
    expect({ turn, status: response.status }).not.toMatchObject({ status: 'failed' });
  }
  client.close();
  await running.stop();
});
