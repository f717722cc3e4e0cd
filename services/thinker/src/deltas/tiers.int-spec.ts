import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeltaStoreProcess } from '@zen/testing';
import { CuttingProxy } from './cutting-proxy.fixture';
import { deltaId } from './delta-id';
import {
  type Asked,
  DeltaThinker,
  deltaThinkerMissing,
  greedy,
  type PublishedDelta,
  RunningAnswer,
  until,
} from './delta-thinker.fixture';

jest.setTimeout(120_000);

const missing = deltaThinkerMissing();
if (missing) console.warn(`skipped: ${missing}`);

(missing ? describe.skip : describe)('the tiers of a replica', () => {
  let store: DeltaStoreProcess;
  let server: DeltaThinker;
  let home: string;
  const open: { stop(): unknown }[] = [];
  beforeEach(async () => {
    store = await DeltaStoreProcess.start({ env: { ZEN_DELTA_LEASE: '1s' } });
    home = mkdtempSync(join(tmpdir(), 'zen-tiers-'));
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop();
    await store.remove();
    rmSync(home, { recursive: true, force: true });
  });

  async function start(env: Record<string, string> = {}): Promise<DeltaThinker> {
    server = await DeltaThinker.start(store, env, home);
    open.push(server);
    return server;
  }
  const by = ({ tenant, digest }: PublishedDelta, maxTokens = 4): Asked => ({
    ...greedy('The lighthouse keeper said', maxTokens),
    tenant,
    delta: server.ref({ tenant, digest }),
  });
  const endless = async (delta: PublishedDelta) => {
    const answer = new RunningAnswer(server.client, by(delta, 900));
    open.push(answer);
    return answer.begun();
  };
  const hits = (tier: string) => server.metric(`zen_thinker_delta_hits_total{tier="${tier}"}`);
  const files = () =>
    readdirSync(join(home, 'deltas'), { recursive: true }).filter((name) => String(name).endsWith('.delta'));
  const { slots, host, disk } = {
    slots: () => server.deltas.tiers.slots.held().length,
    host: () => server.deltas.tiers.host.count,
    disk: () => server.deltas.tiers.disk.count,
  };

  test('promise 9: what an answer uses is not evicted; who waits for its slot gets it, or is told no', async () => {
    await start({ ZEN_DELTA_SLOTS: '1', ZEN_DELTA_WAIT: '2s' });
    const [one, two] = [await server.publish('acme', 1), await server.publish('acme', 2)];
    const running = await endless(one);
    await expect(server.ask(by(two))).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringMatching(/no small slot came free within 2 s/),
      metadata: { 'x-zen-failure': 'delta_no_room' },
    });
    expect(server.deltas.capacity()).toMatchObject({ slots: 1, slotsTaken: 1, slotsPinned: 1 });
    const before = running.tokenIds.length;
    await until(() => running.tokenIds.length > before);
    // The client goes away: so does its hold on the slot.
    const waiting = server.ask(by(two));
    await running.stop();
    expect((await waiting).started?.deltaDigest).toBe(two.digest);
    await until(() => server.deltas.capacity().slotsPinned === 0);
    expect((await server.ask(by(one))).started?.deltaDigest).toBe(one.digest);
    // Both from memory: what was told no had come that far.
    expect([await hits('store'), await hits('host')]).toEqual([1, 2]);
    expect(await server.metric('zen_thinker_delta_evictions_total{tier="slot"}')).toBeGreaterThanOrEqual(2);
  });

  test('promise 9: one flight for all who ask at once', async () => {
    await start();
    const delta = await server.publish('acme', 1);
    const sent = async () =>
      Number(
        /^zen_delta_store_bytes_total\{direction="out"\} (\d+)/m.exec(
          await (await fetch(`http://${store.probeAddress}/metrics`)).text(),
        )?.[1] ?? 0,
      );
    const answers = await Promise.all(Array.from({ length: 12 }, () => server.ask(by(delta))));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const { data } = server.deltas.tiers.host.held()[0]!;
    expect(await sent()).toBe(data.length);
    expect(await hits('store')).toBe(12);
  });

  test('promise 8: a noisy tenant takes no slot and no memory from one within its floor', async () => {
    await start({ ZEN_DELTA_SLOTS: '4', ZEN_DELTA_HOST_BYTES: '400KiB', ZEN_DELTA_DISK_BYTES: '0' });
    const quiet = await server.publish('quiet', 1);
    await server.ask(by(quiet, 1));
    for (let seed = 10; seed < 30; seed++) await server.ask(by(await server.publish('noisy', seed), 1));
    expect(await server.metric('zen_thinker_delta_evictions_total{tier="host"}')).toBeGreaterThan(5);
    await server.ask(by(quiet, 1));
    expect(await hits('slot')).toBe(1);
    expect(server.deltas.tiers.host.held().map(({ id }) => id.tenant)).toContain('quiet');
  });

  test('promise 10: a transfer that is cut goes on where it was', async () => {
    const proxy = await CuttingProxy.start(store.address, [2_000_000, 5_000_000, 9_000_000]);
    open.push(proxy);
    await start({ ZEN_DENSE_SLOTS: '1', ZEN_DELTA_STORE: proxy.address });
    const delta = await server.publish('acme', 1, { recipe: 'dense1' });
    expect(delta.file.length).toBeGreaterThan(10_000_000);
    expect((await server.ask(by(delta))).started?.deltaDigest).toBe(delta.digest);
    expect(proxy.cuts).toBe(3);
    // What was on the wire when it was cut came twice, and nothing else.
    expect(proxy.passed).toBeLessThan(1.5 * delta.file.length);
    expect(server.deltas.capacity()).toMatchObject({ denseSlotsTaken: 1, slotsTaken: 0 });
  });

  test('a new process takes from the disk what the store still knows, and nothing else', async () => {
    await start();
    const kept = await server.publish('acme', 1);
    const gone = await server.publish('acme', 2);
    const answer = await server.ask(by(kept));
    await server.ask(by(gone));
    await until(() => files().length === 2);
    open.pop();
    await server.stop();
    await store.client.delete({ digest: gone.digest }, store.as('acme'));
    await start();
    await until(() => server.deltas.tiers.disk.has(deltaId('acme', kept.digest).key));
    expect(files()).toHaveLength(1);
    expect((await server.ask(by(kept))).tokenIds).toEqual(answer.tokenIds);
    expect([await hits('disk'), await hits('store')]).toEqual([1, 0]);
    await expect(server.ask(by(gone))).rejects.toMatchObject({
      metadata: { 'x-zen-failure': expect.stringMatching(/^delta_(revoked|not_found)$/) },
    });
  });

  test('promise 1: a bit that flips in memory ends what is computed with it; a new copy goes on', async () => {
    await start({ ZEN_SCRUB_RATE: '256MiB' });
    const delta = await server.publish('acme', 1);
    const whole = await server.ask(by(delta, 200));
    const running = await endless(delta);
    const [copy] = server.deltas.tiers.host.held();
    const byte = copy!.data.length >> 1;
    copy!.data[byte] = copy!.data[byte]! ^ 1;
    await expect(running.ended).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      metadata: { 'x-zen-failure': 'delta_lost' },
    });
    expect(server.deltas.tiers.host.held()).not.toContain(copy);
    // Nothing of it is found: neither its KV, nor the slot, nor the copy.
    const again = await server.ask({ ...by(delta, 200), resumeTokenIds: whole.tokenIds.slice(0, 50) });
    expect(again.started?.cachedPromptTokens).toBe(0);
    expect(again.tokenIds).toEqual(whole.tokenIds.slice(50));
    expect(await server.metric('zen_thinker_delta_verification_failures_total{tier="host"}')).toBe(1);
    // From the disk, whose file is good.
    expect(await hits('disk')).toBe(1);
  });

  test('promise 1: a file that has changed on the disk is not used', async () => {
    const { open: openFile } = await import('node:fs/promises');
    await start({ ZEN_DELTA_SLOTS: '1', ZEN_DELTA_HOST_BYTES: '100KiB' });
    const [one, two] = [await server.publish('acme', 1), await server.publish('acme', 2)];
    const answer = await server.ask(by(one));
    await until(() => files().length === 1);
    const file = await openFile(join(home, 'deltas', String(files()[0])), 'r+');
    await file.write(Buffer.of(0x55), 0, 1, 40_000);
    await file.close();
    // Takes the place of the first in slot and memory.
    await server.ask(by(two));
    await until(() => host() === 1);
    expect((await server.ask(by(one))).tokenIds).toEqual(answer.tokenIds);
    expect([await hits('store'), await hits('disk')]).toEqual([3, 0]);
    expect(await server.metric('zen_thinker_delta_verification_failures_total{tier="disk"}')).toBe(1);
  });

  test('promise 7: erasure reaches store, disk, memory, slots and KV, and ends what runs', async () => {
    await start();
    const [one, two] = [await server.publish('acme', 1), await server.publish('acme', 2)];
    const other = await server.publish('other', 1);
    for (const delta of [two, other]) await server.ask(by(delta));
    const running = await endless(one);
    await until(() => files().length === 3);
    await store.client.erase({ confirmTenant: 'acme' }, store.as('acme'));
    await expect(running.ended).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      metadata: { 'x-zen-failure': 'delta_revoked' },
    });
    await until(() => slots() === 1 && host() === 1 && disk() === 1 && files().length === 1);
    expect(server.deltas.tiers.held().map(({ tenant }) => tenant)).toEqual(['other']);
    await until(() => server.deltas.capacity().slotsTaken === 1);
    for (const delta of [one, two]) {
      await expect(server.ask(by(delta))).rejects.toMatchObject({
        metadata: { 'x-zen-failure': expect.stringMatching(/^delta_(revoked|not_found)$/) },
      });
    }
    expect((await server.ask(by(other))).started?.deltaDigest).toBe(other.digest);
    // The same bytes, published again: their id is the same, and nothing that was cached before is found.
    await store.publish('acme', one.file);
    let again = await server.ask(by(one)).catch(() => null);
    while (!again) again = await server.ask(by(one)).catch(() => null);
    expect(again.started?.cachedPromptTokens).toBe(0);
    expect(await server.metric('zen_thinker_delta_revocations_total')).toBe(2);
  });

  test('promise 7: after the lease has run out nothing is used, and nothing stays in memory', async () => {
    await start();
    const delta = await server.publish('acme', 1);
    const running = await endless(delta);
    await until(() => files().length === 1);
    await store.end('SIGKILL');
    await expect(running.ended).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      metadata: { 'x-zen-failure': 'delta_store_unavailable' },
    });
    expect([slots(), host()]).toEqual([0, 0]);
    await expect(server.ask(by(delta))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await store.start();
    let answer = await server.ask(by(delta)).catch(() => null);
    while (!answer) answer = await server.ask(by(delta)).catch(() => null);
    expect(answer.started?.deltaDigest).toBe(delta.digest);
    expect(await hits('disk')).toBe(1);
  });
});
